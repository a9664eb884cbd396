//! Addresses: what is taken is one mailbox, whole, in one spelling.

use mailbatch::internals::address::{Address, Dedupe, domain_to_ascii, key_of, trim};
use mailbatch::internals::suppression::parse_entry;

use crate::engine::{Target, fuzz};
use crate::seeds;

const WORDS: &[&str] = &[
    "ann",
    "@",
    "example.com",
    ".",
    "..",
    "\"",
    "\\",
    "xn--exmple-cua",
    "münchen",
    "例え",
    "١",
    "\u{200d}",
    "İ",
    "ſ",
    "K",
    "ﬁ",
    "𝒶",
    "аnn",
    "+tag",
    "<",
    ">",
    "mailto:",
    "sha256:",
    "*@",
    "@*.",
    "[192.0.2.1]",
    "\u{2019}",
    "“",
    "a\u{301}",
    "xn--",
    "-",
    "_",
    "64646464646464646464646464646464646464646464646464646464646464",
    "\t",
    "\u{a0}",
];

#[test]
fn addresses() {
    let seeds = seeds::texts(&[
        "ann@example.com",
        "Ann.O'Hara+news@Example.COM",
        "\"ann b\"@example.com",
        "jösé@exämple.com",
        "ann@xn--exmple-cua.com",
        "用户@例え.jp",
        "<ann@example.com>",
        " ann@example.com\u{200b}",
        "a..b@x.org",
        "ann@192.0.2.1",
        "@example.com",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "ann%x@y.example",
        "info@sub.domain.example.co.uk",
    ]);
    fuzz(Target { name: "addresses", seeds, words: WORDS, check });
}

fn check(document: &[u8]) {
    let Ok(text) = std::str::from_utf8(document) else { return };
    check_domain(text);
    check_entry(text);
    let Ok(address) = Address::parse(text) else { return };
    let whole = address.as_str();
    assert_eq!(Address::parse(whole).as_ref(), Ok(&address), "what was read reads back");
    assert_eq!(format!("{}@{}", address.local(), address.domain()), whole);
    assert!(whole.len() <= 254 && address.local().len() <= 64, "{} bytes", whole.len());
    assert!(
        !whole.contains(|c: char| c.is_control())
            && !whole.contains(['\u{2028}', '\u{2029}', '\u{feff}', '\u{202e}', '\u{200b}']),
        "{whole:?}"
    );
    assert!(
        address
            .domain()
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_')),
        "{whole:?}"
    );
    let is_quoted = address.local().starts_with('"');
    assert!(
        is_quoted || !whole.contains([' ', '<', '>', ',', ';', ':', '(', ')', '"', '\\', '[', ']']),
        "{whole:?} needs quotes"
    );
    assert!(is_quoted || whole.matches('@').count() == 1, "{whole:?}");
    // No address is made of a part of what was written.
    let typed = trim(text);
    if typed.is_ascii() && !typed.contains(['"', '\\']) {
        let (local, domain) = typed.rsplit_once('@').expect("an address has an @");
        assert_eq!(
            (address.local(), address.domain()),
            (local, domain.to_ascii_lowercase().as_str()),
            "out of {typed:?}"
        );
    }
    check_keys(&address);
    let notes = address.notes();
    assert_eq!(notes, Address::parse(whole).expect("an address").notes());
}

fn check_keys(address: &Address) {
    let folded = address.folded();
    let again = Address::parse(&folded);
    assert_eq!(again.as_ref().map(Address::folded), Ok(folded.clone()), "lowercase of lowercase");
    assert_eq!(key_of(address.as_str()), folded, "one key however it is asked for");
    assert_eq!(
        (address.key(Dedupe::Ci), address.key(Dedupe::Exact)),
        (folded.clone(), address.to_string())
    );
    let upper = address.as_str().to_ascii_uppercase();
    if address.as_str().is_ascii() {
        assert_eq!(
            Address::parse(&upper).map(|upper| upper.folded()),
            Ok(folded),
            "one person in any case"
        );
    }
}

fn check_domain(text: &str) {
    if let Ok(domain) = domain_to_ascii(text) {
        assert_eq!(domain_to_ascii(&domain).as_ref(), Ok(&domain), "a domain out of {text:?}");
        assert!(
            domain.len() <= 253 && domain.split('.').all(|label| (1..=63).contains(&label.len())),
            "{domain}"
        );
        // With one letter before it, an address of 254 bytes has no room for a longer one.
        let address = Address::parse(&format!("a@{domain}"));
        assert!(
            domain.len() > 252 || address.is_ok_and(|address| address.domain() == domain),
            "{domain}"
        );
    }
}

fn check_entry(text: &str) {
    match parse_entry(text) {
        Ok(entry) => {
            assert_eq!(parse_entry(&entry).as_ref(), Ok(&entry), "an entry reads back");
            assert!(!entry.contains(['\r', '\n', '\0']), "{entry:?}");
        }
        Err(why) => assert!(!why.is_empty() && !why.contains(['\r', '\n']), "{why:?}"),
    }
}
