//! Encodes a message for transmission. Lines end in CRLF.
//!
//! After DATA, a leading dot is doubled and a lone dot ends the message (RFC 5321 section 4.5.2).
//! After BDAT (RFC 3030), the number of bytes ends the message. No content can end the message
//! early, and both ways deliver the same bytes. A bare CR or LF, which some servers accept as a
//! line end, becomes CRLF.

/// Appends `message` and the final dot to `out`.
pub(crate) fn append(out: &mut Vec<u8>, message: &[u8]) {
    out.reserve(message.len() + message.len() / 64 + 8);
    for line in lines(message) {
        if line.first() == Some(&b'.') {
            out.push(b'.');
        }
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
}

/// Appends the BDAT command and `message` as the only chunk.
pub(crate) fn append_chunk(out: &mut Vec<u8>, message: &[u8]) {
    let bytes: usize = lines(message).map(|line| line.len() + 2).sum();
    out.extend_from_slice(format!("BDAT {bytes} LAST\r\n").as_bytes());
    out.reserve(bytes);
    for line in lines(message) {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
}

/// Returns the lines of a message. A CRLF, a bare CR or a bare LF ends a line.
fn lines(message: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        let ending = if after.starts_with(b"\r\n") { 2 } else { after.len().min(1) };
        rest = &after[ending..];
        Some(line)
    })
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
            assert_eq!(
                String::from_utf8(wire(message.as_bytes())).unwrap(),
                expected,
                "{message:?}"
            );
        }
    }

    #[test]
    fn a_chunk_is_counted_in_bytes_and_stuffs_no_dots() {
        for (message, expected) in [
            ("a\r\n", "BDAT 3 LAST\r\na\r\n"),
            (".a\r\n.\r\n", "BDAT 7 LAST\r\n.a\r\n.\r\n"),
            ("a\n.\nb\r.\rc", "BDAT 15 LAST\r\na\r\n.\r\nb\r\n.\r\nc\r\n"),
            ("é\r\n", "BDAT 4 LAST\r\né\r\n"),
            ("", "BDAT 0 LAST\r\n"),
        ] {
            let mut out = Vec::new();
            append_chunk(&mut out, message.as_bytes());
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{message:?}");
        }
    }

    proptest! {
        #[test]
        fn a_chunk_holds_what_data_would_deliver(message in "[.a\r\n]{0,40}") {
            let data = String::from_utf8(wire(message.as_bytes())).unwrap();
            let delivered: String = data.strip_suffix(".\r\n").unwrap().split_inclusive("\r\n").map(|line| line.strip_prefix('.').unwrap_or(line)).collect();
            let mut chunk = Vec::new();
            append_chunk(&mut chunk, message.as_bytes());
            prop_assert_eq!(String::from_utf8(chunk).unwrap(), format!("BDAT {} LAST\r\n{delivered}", delivered.len()));
        }

        #[test]
        fn a_message_whose_lines_stand_goes_as_it_is(before in "[a-z]{0,130}", message in "[.a\r\n]{0,12}", after in "([a-z]{0,70}\r\n){0,3}") {
            let message = format!("{before}{message}{after}");
            let stands = crate::provider::lines_stand(message.as_bytes());
            prop_assert_eq!(stands, !message.is_empty() && wire(message.as_bytes()) == format!("{message}.\r\n").as_bytes());
        }

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
