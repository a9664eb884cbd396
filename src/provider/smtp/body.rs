//! A message as it goes on the wire after DATA: lines end in CRLF, a leading dot is doubled (RFC 5321 section 4.5.2), a lone dot ends it.
//!
//! The rule it keeps: no content can end the message early. A bare CR or LF, which some servers take for a line end, becomes CRLF.

/// Appends `message` and the line that ends it to `out`.
pub(super) fn append(out: &mut Vec<u8>, message: &[u8]) {
    out.reserve(message.len() + message.len() / 64 + 8);
    let mut rest = message;
    while !rest.is_empty() {
        if rest[0] == b'.' {
            out.push(b'.');
        }
        let Some(end) = memchr::memchr2(b'\r', b'\n', rest) else {
            out.extend_from_slice(rest);
            out.extend_from_slice(b"\r\n");
            break;
        };
        out.extend_from_slice(&rest[..end]);
        out.extend_from_slice(b"\r\n");
        let skip = if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = &rest[end + skip..];
    }
    out.extend_from_slice(b".\r\n");
}

/// Whether any octet of the message has its high bit set.
pub(super) fn is_8bit(message: &[u8]) -> bool {
    !message.is_ascii()
}

/// Whether the header section needs SMTPUTF8 (RFC 6532): it holds octets above ASCII.
pub(super) fn has_8bit_headers(message: &[u8]) -> bool {
    let end = memchr::memmem::find(message, b"\r\n\r\n").unwrap_or(message.len());
    !message[..end].is_ascii()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wire(message: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        append(&mut out, message);
        out
    }

    #[test]
    fn leading_dots_are_doubled_and_the_end_is_a_lone_dot() {
        for (message, expected) in [
            ("a\r\n", "a\r\n.\r\n"),
            (".a\r\n..\r\nb.\r\n.\r\n", "..a\r\n...\r\nb.\r\n..\r\n.\r\n"),
            ("no end", "no end\r\n.\r\n"),
            (".", "..\r\n.\r\n"),
            ("", ".\r\n"),
            ("a\n.\nb\r.\rc\r\n", "a\r\n..\r\nb\r\n..\r\nc\r\n.\r\n"),
            ("a\r\n\r\n", "a\r\n\r\n.\r\n"),
        ] {
            assert_eq!(String::from_utf8(wire(message.as_bytes())).unwrap(), expected, "{message:?}");
        }
    }

    #[test]
    fn headers_and_body_are_told_apart() {
        assert!(has_8bit_headers("Subject: é\r\n\r\nx".as_bytes()));
        assert!(!has_8bit_headers("Subject: e\r\n\r\né".as_bytes()));
        assert!(is_8bit("Subject: e\r\n\r\né".as_bytes()));
    }

    proptest! {
        #[test]
        fn a_server_reads_back_the_same_lines(lines in proptest::collection::vec("[.a ]{0,6}", 0..20)) {
            let message: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let sent = String::from_utf8(wire(message.as_bytes())).unwrap();
            let mut received = String::new();
            let mut ended = false;
            for line in sent.split_inclusive("\r\n") {
                prop_assert!(!ended);
                if line == ".\r\n" { ended = true } else { received.push_str(line.strip_prefix('.').unwrap_or(line)) }
            }
            prop_assert!(ended);
            prop_assert_eq!(received, message);
        }
    }
}
