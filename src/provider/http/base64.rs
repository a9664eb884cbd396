//! Base64 of RFC 4648 section 4, for credentials, and for files that a service wants as they are.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The padded encoding, in one line.
pub(in crate::provider) fn encode(octets: &[u8]) -> String {
    let mut out = String::with_capacity(octets.len().div_ceil(3) * 4);
    for group in octets.chunks(3) {
        let bits = group.iter().zip([16, 8, 0]).fold(0_u32, |bits, (octet, shift)| bits | u32::from(*octet) << shift);
        for (place, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            out.push(if place <= group.len() { char::from(ALPHABET[(bits >> shift & 63) as usize]) } else { '=' });
        }
    }
    out
}

/// Appends the octets that a padded encoding in one line stands for; `None`, with nothing appended, for any other text.
pub(in crate::provider) fn decode_to(out: &mut Vec<u8>, text: &str) -> Option<()> {
    let body = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let start = out.len();
    for group in body.as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for (octet, shift) in group.iter().zip([18, 12, 6, 0]) {
            match value(*octet) {
                Some(value) => bits |= value << shift,
                None => {
                    out.truncate(start);
                    return None;
                }
            }
        }
        out.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    Some(())
}

fn value(octet: u8) -> Option<u32> {
    let value = match octet {
        b'A'..=b'Z' => octet - b'A',
        b'a'..=b'z' => octet - b'a' + 26,
        b'0'..=b'9' => octet - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_reads_back() {
        for (plain, encoded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")] {
            assert_eq!(encode(plain.as_bytes()), encoded);
            let mut out = b"before ".to_vec();
            assert_eq!(decode_to(&mut out, encoded), Some(()));
            assert_eq!(out, format!("before {plain}").into_bytes());
        }
        assert_eq!(encode(&[0xff, 0xfe, 0xfd]), "//79");
        for bad in ["Zg", "Zg=", "Z===", "Zm9v\n", "Zm 9", "===="] {
            let mut out = b"before".to_vec();
            assert!(decode_to(&mut out, bad).is_none() && out == b"before", "{bad}");
        }
    }
}
