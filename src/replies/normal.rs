//! Normalizes texts in any language before they are searched for reasons of a bounce.

/// The maximum length of text to examine, in bytes.
const MOST: usize = 16 * 1024;

/// Converts a text to lowercase with single spaces between words, and removes accents from Latin
/// letters.
pub(crate) fn normal(text: &str) -> String {
    let mut end = text.len().min(MOST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut out = String::with_capacity(end);
    for word in text[..end].split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&unaccented(&word.to_lowercase()));
    }
    out
}

/// Removes the accents from a lowercase text, and replaces typographic apostrophes by plain ones.
pub(crate) fn unaccented(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ..='\u{7f}' => out.push(c),
            '\u{2018}' | '\u{2019}' => out.push('\''),
            // Combining marks are accents that follow their letter.
            '\u{300}'..='\u{36f}' => {}
            'à'..='å' | 'ā' | 'ă' | 'ą' => out.push('a'),
            'ç' | 'ć' | 'č' => out.push('c'),
            'ď' | 'đ' => out.push('d'),
            'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' => out.push('e'),
            'ğ' | 'ģ' => out.push('g'),
            'ì'..='ï' | 'ī' | 'į' | 'ı' => out.push('i'),
            'ķ' => out.push('k'),
            'ł' | 'ļ' => out.push('l'),
            'ñ' | 'ń' | 'ň' | 'ņ' => out.push('n'),
            'ò'..='ö' | 'ø' | 'ő' => out.push('o'),
            'ŕ' | 'ř' => out.push('r'),
            'ś' | 'ş' | 'š' | 'ș' => out.push('s'),
            'ť' | 'ţ' | 'ț' => out.push('t'),
            'ù'..='ü' | 'ū' | 'ů' | 'ű' | 'ų' => out.push('u'),
            'ý' | 'ÿ' => out.push('y'),
            'ź' | 'ż' | 'ž' => out.push('z'),
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            _ => out.push(c),
        }
    }
    out
}

/// Returns the forms in which a phrase is searched. The first form has no accents. Some systems
/// write `?` or U+FFFD for an accented letter, as in `usu?rio n?o existe`. A phrase with up to
/// three accented letters therefore has two more forms.
pub(crate) fn forms(phrase: &str) -> Vec<String> {
    const MOST_LOST: usize = 3;
    let lost = phrase.chars().filter(|c| !c.is_ascii()).count();
    let kept = phrase.chars().filter(char::is_ascii_alphabetic).count();
    let is_latin = phrase.chars().all(|c| c.is_ascii() || unaccented(&c.to_string()).is_ascii());
    let mut forms = vec![unaccented(phrase)];
    if is_latin && (1..=MOST_LOST).contains(&lost) && kept > 4 {
        let marked =
            |mark: char| phrase.chars().map(|c| if c.is_ascii() { c } else { mark }).collect();
        forms.extend(['?', char::REPLACEMENT_CHARACTER].map(marked));
    }
    forms
}

/// Removes mail addresses from a text, because an address may contain any word.
pub(crate) fn without_addresses(text: &str) -> String {
    if !text.contains('@') {
        return text.to_owned();
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+=?^_`{|}~.-@".contains(c);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let end = rest[start..].find(|c| !is_part(c)).map_or(rest.len(), |end| start + end);
        // Two dots are not part of an address: `ann@example.com...user unknown`.
        let end = rest[start..end].find("..").filter(|at| *at > 0).map_or(end, |at| start + at);
        let word = &rest[start..end];
        out.push_str(&rest[..start]);
        // Only one of the two spaces around an address is kept: "mailbox ann@example.com
        // unavailable".
        if word.trim_matches('@').contains('@')
            && out.ends_with(' ')
            && rest[end..].starts_with(' ')
        {
            out.pop();
        }
        if !word.trim_matches('@').contains('@') {
            out.push_str(word);
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_out_and_what_stands_around_them_stays() {
        assert_eq!(without_addresses("550 <ann.spam@example.com>: gone"), "550 <>: gone");
        assert_eq!(
            without_addresses("アドレスann@example.jpは存在しません"),
            "アドレスは存在しません"
        );
        assert_eq!(without_addresses("a @ b"), "a @ b");
    }
}
