//! Tests which addresses or errors the parser returns for the texts in several tables.

use super::*;

#[test]
fn legal_addresses_are_taken_as_typed_with_an_ascii_domain() {
    for (typed, wire) in [
        ("ann@example.com", "ann@example.com"),
        ("  Ann.B+tag@EXAMPLE.com\t", "Ann.B+tag@example.com"),
        ("ann@exämple.com", "ann@xn--exmple-cua.com"),
        ("jösé@example.com", "jösé@example.com"),
        ("o'brien@example.com", "o'brien@example.com"),
        ("\"a b\"@example.com", "\"a b\"@example.com"),
        ("\"a@b\"@example.com", "\"a@b\"@example.com"),
        ("\"ann\"@example.com", "ann@example.com"),
        ("\"a.n+n\"@Example.com", "a.n+n@example.com"),
        ("\"a\\nn\"@example.com", "ann@example.com"),
        ("\"a\\ b\"@example.com", "\"a b\"@example.com"),
        ("\"a\\\"b\\\\\"@example.com", "\"a\\\"b\\\\\"@example.com"),
        ("\"a..b\"@example.com", "\"a..b\"@example.com"),
        ("\"jo\u{308}rg\"@example.com", "jörg@example.com"),
        ("jo\u{308}rg@example.com", "jörg@example.com"),
        ("andre\u{301}@cafe\u{301}.example", "andré@xn--caf-dma.example"),
        ("_ann@example.com", "_ann@example.com"),
        ("ann-@example.com", "ann-@example.com"),
        ("a--b@example.com", "a--b@example.com"),
        ("-ann@example.com", "-ann@example.com"),
        ("/s=ann@example.com", "/s=ann@example.com"),
        ("名前@例え.jp", "名前@xn--r8jz45g.jp"),
        ("иван.petrov@example.com", "иван.petrov@example.com"),
        ("น้ำ@example.com", "น้ำ@example.com"),
        ("ann@faß.example", "ann@xn--fa-hia.example"),
        ("ann@XN--EXMPLE-CUA.com", "ann@xn--exmple-cua.com"),
        ("ann@نامه\u{200c}ای.com", "ann@xn--mgba3gch31f060k.com"),
        ("ann@l·l.example", "ann@xn--ll-0ea.example"),
        ("root@localhost", "root@localhost"),
        ("a@b_c.example", "a@b_c.example"),
    ] {
        assert_eq!(Address::parse(typed).map(|a| a.to_string()), Ok(wire.to_owned()), "{typed}");
    }
}

#[test]
fn everything_else_is_refused_with_its_cause() {
    use AddressError as E;
    for (typed, why) in [
        ("", E::Empty),
        ("   ", E::Empty),
        ("NULL", E::Nothing),
        (" n/a\u{200b}", E::Nothing),
        ("#N/A", E::NoAt),
        ("ann", E::NoAt),
        ("@example.com", E::NoLocalPart),
        ("ann@", E::NoDomain),
        ("a..b@example.com", E::Dots),
        (".a@example.com", E::Dots),
        ("a.@example.com", E::Dots),
        ("a b@example.com", E::Space),
        ("a\u{a0}b@example.com", E::Unseen('\u{a0}')),
        ("a@b@example.com", E::SecondAt),
        ("a@exa mple.com", E::Space),
        ("a\r\nRCPT TO:<b@c.d>@example.com", E::Space),
        ("a@[127.0.0.1]", E::Literal),
        ("a@127.0.0.1", E::Literal),
        ("a@-x.com", E::Domain),
        ("a@x..com", E::Domain),
        ("a@x.com.", E::Trailing('.')),
        ("a(b)@example.com", E::LocalCharacter),
        ("\"a@example.com", E::Quotes),
        ("Ann <ann@example.com>", E::DisplayName),
        ("\"\"@example.com", E::NoLocalPart),
    ] {
        assert_eq!(Address::parse(typed), Err(why), "{typed:?}");
    }
    assert_eq!(Address::parse(&format!("{}@example.com", "a".repeat(65))), Err(E::LocalTooLong));
    // In lowercase it has 65 bytes.
    assert_eq!(
        Address::parse(&format!("\u{130}{}@example.com", "a".repeat(62))),
        Err(E::LocalTooLong)
    );
    assert!(Address::parse(&format!("\u{130}{}@example.com", "a".repeat(61))).is_ok());
    assert_eq!(Address::parse(&format!("a@{}com", "abcdefgh.".repeat(40))), Err(E::Domain));
}

#[test]
fn keys_fold_case_unless_told_otherwise() {
    let address = Address::parse("Ann@EXAMPLE.com").expect("an address");
    assert_eq!(address.key(Dedupe::Ci), "ann@example.com");
    assert_eq!(address.key(Dedupe::Exact), "Ann@example.com");
    assert_eq!(
        Address::parse("JÖSÉ@example.com").expect("an address").folded(),
        "jösé@example.com"
    );
}

#[test]
fn notes_name_what_is_legal_and_odd() {
    let notes = |text: &str| Address::parse(text).expect("an address").notes();
    assert_eq!(notes("Info@example.com"), [Note::Role]);
    assert_eq!(notes("root@localhost"), [Note::NoDot]);
    assert_eq!(notes("ann@example.c"), [Note::OneLetter]);
    assert_eq!(notes("ann@example.com.invalid"), [Note::Invalid]);
    assert_eq!(notes("\"a b\"@example.com"), [Note::QuotedLocalPart]);
    assert_eq!(notes("ann@example.com"), []);
}

#[test]
fn what_shows_nothing_is_taken_off_the_ends_and_refused_inside() {
    // One character of each kind: controls, format and direction marks, byte order mark, joiners,
    // soft hyphen, Unicode spaces, fillers, variation selectors, tags, and characters that fonts
    // draw as nothing.
    for c in [
        '\u{1}',
        '\u{7f}',
        '\u{85}',
        '\u{a0}',
        '\u{ad}',
        '\u{34f}',
        '\u{61c}',
        '\u{115f}',
        '\u{1160}',
        '\u{1680}',
        '\u{17b4}',
        '\u{180b}',
        '\u{180e}',
        '\u{2000}',
        '\u{2009}',
        '\u{200b}',
        '\u{200c}',
        '\u{200d}',
        '\u{200e}',
        '\u{200f}',
        '\u{2028}',
        '\u{202a}',
        '\u{202c}',
        '\u{202e}',
        '\u{202f}',
        '\u{205f}',
        '\u{2060}',
        '\u{2064}',
        '\u{2066}',
        '\u{2069}',
        '\u{206a}',
        '\u{2800}',
        '\u{3000}',
        '\u{3164}',
        '\u{fe00}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{ffa0}',
        '\u{fff9}',
        '\u{fffc}',
        '\u{1bca0}',
        '\u{1d173}',
        '\u{e0001}',
        '\u{e0041}',
        '\u{e0100}',
    ] {
        for text in [
            format!("{c}ann@example.com"),
            format!("ann@example.com{c}"),
            format!(" {c} {c}ann@example.com{c} \r\n"),
        ] {
            assert_eq!(
                Address::parse(&text).map(Address::into_string).as_deref(),
                Ok("ann@example.com"),
                "{text:?}"
            );
            assert!(has_unseen_ends(&text), "{text:?}");
        }
        for text in [
            format!("an{c}n@example.com"),
            format!("ann{c}@example.com"),
            format!("ann@{c}example.com"),
            format!("ann@exam{c}ple.com"),
        ] {
            let why = Address::parse(&text).expect_err(&text);
            assert!(
                why.to_string().contains(&format!("U+{:04X}", u32::from(c))),
                "{text:?}: {why}"
            );
        }
        assert!(Address::parse(&format!("\"a{c}b\"@example.com")).is_err(), "{c:?}");
    }
    assert!(!has_unseen_ends(" ann@example.com\r\n") && !has_unseen_ends(""));
}

#[test]
fn marks_around_an_address_are_refused_and_named() {
    use AddressError as E;
    for (text, why) in [
        ("'ann@example.com", E::Wrapped('\'')),
        ("'ann@example.com'", E::Wrapped('\'')),
        ("ann@example.com'", E::Wrapped('\'')),
        ("`ann@example.com", E::Wrapped('`')),
        ("\"ann@example.com\"", E::Wrapped('"')),
        ("ann@example.com\"", E::Wrapped('"')),
        ("“ann@example.com”", E::Wrapped('“')),
        ("„ann@example.com“", E::Wrapped('„')),
        ("‘ann@example.com’", E::Wrapped('‘')),
        ("ann@example.com’", E::Wrapped('’')),
        ("«ann@example.com»", E::Wrapped('«')),
        ("‹ann@example.com›", E::Wrapped('‹')),
        ("「ann@example.com」", E::Wrapped('「')),
        ("＂ann@example.com＂", E::Wrapped('＂')),
        ("<ann@example.com>", E::DisplayName),
        ("<ann@example.com", E::Wrapped('<')),
        ("ann@example.com>", E::Wrapped('>')),
        ("(ann@example.com)", E::Wrapped('(')),
        ("[ann@example.com]", E::Wrapped('[')),
        ("mailto:ann@example.com", E::Mailto),
        ("MailTo:ann@example.com", E::Mailto),
        ("ann@example.com,", E::Trailing(',')),
        ("ann@example.com;", E::Trailing(';')),
        ("ann@example.com:", E::Trailing(':')),
        ("ann@example.com。", E::Trailing('。')),
        ("#ann@example.com", E::StruckOut("#")),
        ("//ann@example.com", E::StruckOut("//")),
        ("--ann@example.com", E::StruckOut("--")),
        ("*ann@example.com", E::StruckOut("*")),
        ("!ann@example.com", E::StruckOut("!")),
        ("\u{200b}#ann@example.com", E::StruckOut("#")),
        ("\"#ann\"@example.com", E::StruckOut("#")),
        ("\"'ann\"@example.com", E::Wrapped('\'')),
        ("\"# ann\"@example.com", E::StruckOut("#")),
    ] {
        assert_eq!(Address::parse(text), Err(why), "{text}");
    }
}

#[test]
fn typographic_signs_variants_and_look_alikes_are_refused_and_named() {
    use AddressError as E;
    let sign = |found, meant| E::Sign { found, meant };
    for (text, why) in [
        ("o’brien@example.com", sign('’', '\'')),
        ("oʼbrien@example.com", sign('ʼ', '\'')),
        ("o´brien@example.com", sign('´', '\'')),
        ("o′brien@example.com", sign('′', '\'')),
        ("ann–marie@example.com", sign('–', '-')),
        ("ann‑marie@example.com", sign('‑', '-')),
        ("ann−marie@example.com", sign('−', '-')),
        ("ann@my–example.com", sign('–', '-')),
        ("ann＠example.com", sign('＠', '@')),
        ("ann﹫example.com", sign('﹫', '@')),
        ("ann．b@example.com", sign('．', '.')),
        ("ａnn@example.com", E::Variant('ａ')),
        ("ann１@example.com", E::Variant('１')),
        ("ann@ｅxample.com", E::Variant('ｅ')),
        ("𝐚nn@example.com", E::Variant('𝐚')),
        ("ﬁnn@example.com", E::Variant('ﬁ')),
        ("ann²@example.com", E::Variant('²')),
        ("ⓐnn@example.com", E::Variant('ⓐ')),
        ("ann…@example.com", E::Variant('…')),
        ("ann¿@example.com", E::Punctuation('¿')),
        ("ann\u{e000}@example.com", E::NoCharacter('\u{e000}')),
        ("ann\u{fffd}@example.com", E::NoCharacter('\u{fffd}')),
        ("ann\u{378}@example.com", E::NoCharacter('\u{378}')),
        ("\u{301}ann@example.com", E::LeadingMark('\u{301}')),
        ("аnn@example.com", E::MixedScripts('n')),
        ("bеn@example.com", E::MixedScripts('е')),
        ("ann@еxample.com", E::MixedScripts('x')),
        ("ann@exаmple.com", E::MixedScripts('а')),
        ("ann@exαmple.com", E::MixedScripts('α')),
        ("ann@gооgle.example", E::MixedScripts('о')),
        ("ann@աnn.example", E::MixedScripts('n')),
    ] {
        assert_eq!(Address::parse(text), Err(why), "{text}");
    }
    // The same domain in its ASCII form.
    let (ascii, _) = idna::domain_to_unicode("еxample.com");
    assert!(
        Address::parse(&format!(
            "ann@{}",
            idna::domain_to_ascii(&ascii).expect("a domain of UTS #46")
        ))
        .is_err()
    );
}

#[test]
fn a_domain_that_idna2008_does_not_allow_is_refused_in_both_its_forms() {
    for label in [
        "😀",
        "i❤ny",
        "a→b",
        "½",
        "x²",
        "☃",
        "♥",
        "a‿b",
        "ـa",
        "ـ",
        "〱",
        "\u{301}a",
        "l·a",
        "a·l",
        "a͵b",
        "ა׳",
        "ab・c",
        "٠۰",
        "ab--ä",
        "㎝",
        "ᄀ",
        "ߺ",
        "𝄞",
        "\u{200c}a",
        "ab\u{200d}c",
        "\u{20d0}",
        "a\u{20d0}",
    ] {
        let why = Address::parse(&format!("ann@{label}.example"));
        assert!(why.is_err(), "{label}: {why:?}");
        if let Ok(ascii) = idna::domain_to_ascii(label)
            && !label.is_ascii()
            && ascii.starts_with("xn--")
        {
            assert!(Address::parse(&format!("ann@{ascii}.example")).is_err(), "{label} as {ascii}");
        }
    }
    for label in [
        "exämple",
        "faß",
        "βόλος",
        "例え",
        "ｶﾀｶﾅ",
        "한국",
        "l·l",
        "א׳",
        "カ・タ",
        "中文",
        "नमस्ते",
        "ไทย",
        "م٣٤",
        "ქართული",
        "xn--maana-pta",
        "b_c",
    ] {
        let taken = Address::parse(&format!("ann@{label}.example"));
        assert_eq!(taken.is_ok(), label != "ｶﾀｶﾅ", "{label}: {taken:?}");
    }
    for bad in ["xn--", "xn--a", "xn--999999999", "xn--example-", "xn--ls8h", "xn--\u{e4}"] {
        assert!(Address::parse(&format!("ann@{bad}.example")).is_err(), "{bad}");
    }
}

#[test]
fn what_is_odd_and_not_wrong_is_listed() {
    let notes = |text: &str| Address::parse(text).expect("an address").notes();
    for text in [
        "-ann@example.com",
        "=ann@example.com",
        "+ann@example.com",
        "ann'@example.com",
        "$ann@example.com",
    ] {
        assert_eq!(notes(text), [Note::SignAtEnd], "{text}");
    }
    assert_eq!(notes("ann\u{1f600}@example.com"), [Note::Symbol]);
    assert_eq!(notes("ann@аррӏе.com"), [Note::LookAlike]);
    assert_eq!(notes("раураӏ@example.com"), [Note::LookAlike]);
    assert_eq!(notes("ann@shopไทย.example"), [Note::LookAlike]);
    for text in [
        "o'neil@example.com",
        "иван@пример.рф",
        "名前abc@例え.jp",
        "jösé@exämple.com",
        "_ann@example.com",
        "ann-@example.com",
    ] {
        assert_eq!(notes(text), [], "{text}");
    }
}

#[test]
fn keys_of_what_was_kept_are_those_of_what_is_read() {
    for (kept, key) in [
        ("Ann@example.com", "ann@example.com"),
        ("\"ann\"@example.com", "ann@example.com"),
        ("\u{200b}ann@example.com", "ann@example.com"),
        ("JO\u{308}RG@example.com", "jörg@example.com"),
        ("not an address", "not an address"),
        ("'Ann@example.com", "'ann@example.com"),
    ] {
        assert_eq!(key_of(kept), key, "{kept}");
    }
    assert_eq!(older_spellings("ann@example.com"), ["\"ann\"@example.com"]);
    assert_eq!(older_spellings("jörg@x.org"), ["\"jörg\"@x.org", "jo\u{308}rg@x.org"]);
    assert_eq!(older_spellings("\"a b\"@x.org"), Vec::<String>::new());
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    /// Generates different spellings of an address whose local part is a plain word.
    fn spelling() -> impl Strategy<Value = (String, String)> {
        let local = "[a-zäöéžж]{1,6}|[a-z]{1,4}[.][a-z]{1,4}|ив[а-я]{1,4}";
        (local, "[a-z]{1,6}[.](com|example)", 0_u8..6, 0_usize..6).prop_map(
            |(local, domain, way, unseen)| {
                let plain = format!("{local}@{domain}");
                let decomposed: String = icu_normalizer::DecomposingNormalizerBorrowed::new_nfd()
                    .normalize(&local)
                    .into_owned();
                let unseen =
                    ["", " ", "\u{200b}", "\u{feff}", "\u{a0}\u{202a}", "\u{e0001}"][unseen];
                let written = match way {
                    0 => plain.clone(),
                    1 => format!("\"{local}\"@{domain}"),
                    2 => format!("{decomposed}@{}", domain.to_uppercase()),
                    3 => format!(
                        "\"{}\"@{domain}",
                        local.chars().map(|c| format!("\\{c}")).collect::<String>()
                    ),
                    4 => plain.to_uppercase(),
                    _ => format!("\"{decomposed}\"@{domain}"),
                };
                (plain, format!("{unseen}{written}{unseen}"))
            },
        )
    }

    proptest! {
        #[test]
        fn every_way_to_write_a_mailbox_is_one_key((plain, written) in spelling()) {
            if let Ok(plain) = Address::parse(&plain) {
                let written = Address::parse(&written);
                prop_assert_eq!(written.map(|address| address.folded()), Ok(plain.folded()));
            }
        }

        #[test]
        fn what_has_been_read_reads_back_as_itself(text in "[ -~]{1,12}@[ -~]{1,12}|\\PC{1,12}@\\PC{1,9}[.]com|\"[ -~äж]{1,9}\"@a[.]org") {
            if let Ok(address) = Address::parse(&text) {
                prop_assert_eq!(Address::parse(address.as_str()), Ok(address.clone()));
                prop_assert_eq!(Address::parse(&address.folded()).map(|again| again.folded()), Ok(address.folded()));
                prop_assert_eq!(key_of(address.as_str()), address.folded());
            }
        }
    }
}

#[test]
fn a_planned_address_keeps_its_letters_if_it_is_still_one() {
    let planned = |text: &str| {
        Address::as_planned(text).map(|address| (address.to_string(), address.domain().to_owned()))
    };
    assert_eq!(planned("\"ann\"@x.org"), Ok(("\"ann\"@x.org".to_owned(), "x.org".to_owned())));
    assert_eq!(planned("Ann@x.org"), Ok(("Ann@x.org".to_owned(), "x.org".to_owned())));
    // A text that cannot be in a header gets the current spelling.
    assert_eq!(planned(" ann@x.org\r\n"), Ok(("ann@x.org".to_owned(), "x.org".to_owned())));
    assert!(planned("a\u{200b}b@x.org").is_err());
}
