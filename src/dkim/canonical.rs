//! Converts headers and bodies to the relaxed canonical form (RFC 6376 sections 3.4.2 and 3.4.4).

use ring::digest::{Context, Digest, SHA256};

/// The number of bytes compared in one step. The loop over them has no branches, so the compiler
/// can use vector instructions.
const TOGETHER: usize = 64;
/// The size in bytes of the buffer for text that has not been hashed yet.
const PIECE: usize = 4096;

/// Appends a header field in canonical form. `field` may be folded and has no line end. The name
/// becomes lowercase. Each run of white space in the value becomes one space, and white space at
/// both ends of the value is removed.
pub(super) fn push_header(out: &mut Vec<u8>, field: &[u8]) {
    let colon = memchr::memchr(b':', field).unwrap_or(field.len());
    out.extend(name_of(field).iter().map(u8::to_ascii_lowercase));
    out.push(b':');
    let start = out.len();
    let mut is_behind_space = false;
    for &byte in field.get(colon + 1..).unwrap_or_default() {
        if is_space(byte) || matches!(byte, b'\r' | b'\n') {
            is_behind_space = out.len() > start;
            continue;
        }
        if std::mem::take(&mut is_behind_space) {
            out.push(b' ');
        }
        out.push(byte);
    }
}

/// Returns the name of a header field without changing its case.
pub(super) fn name_of(field: &[u8]) -> &[u8] {
    let colon = memchr::memchr(b':', field).unwrap_or(field.len());
    field[..colon].trim_ascii_end()
}

/// Splits a message into its header fields, in order and without their line ends, and its body.
/// Lines must end in CRLF.
pub(super) fn split(message: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let (head, body) = match memchr::memmem::find(message, b"\r\n\r\n") {
        Some(end) => (&message[..end], &message[end + 4..]),
        None => (message.strip_suffix(b"\r\n").unwrap_or(message), &[][..]),
    };
    let mut fields = Vec::with_capacity(24);
    let mut start = 0;
    for end in memchr::memmem::find_iter(head, b"\r\n") {
        // A line that begins with a space or tab continues the field above it.
        if !head.get(end + 2).copied().is_some_and(is_space) {
            fields.push(&head[start..end]);
            start = end + 2;
        }
    }
    fields.push(&head[start..]);
    (fields, body)
}

/// Returns the hash of a body, computed in one pass. Lines must end in CRLF.
pub(super) fn body_hash(body: &[u8]) -> Digest {
    let mut hash = Context::new(&SHA256);
    let body = without_empty_end(body);
    if !body.is_empty() {
        if is_relaxed(body) {
            hash.update(body);
        } else {
            hash_relaxed(&mut hash, body);
        }
        hash.update(b"\r\n");
    }
    hash.finish()
}

/// Returns the body without the empty lines at its end and without its last line end.
fn without_empty_end(mut body: &[u8]) -> &[u8] {
    loop {
        while let Some((b' ' | b'\t', before)) = body.split_last() {
            body = before;
        }
        match body.strip_suffix(b"\r\n") {
            Some(before) => body = before,
            None => return body,
        }
    }
}

/// Returns whether a body is already in relaxed form: it has no tab, no two adjacent spaces, and no
/// space at the end of a line. The last byte of `body` must not be white space.
fn is_relaxed(body: &[u8]) -> bool {
    let is_changed = |byte: u8, next: u8| {
        u8::from(byte == b'\t')
            | (u8::from(byte == b' ')
                & (u8::from(next == b' ') | u8::from(next == b'\t') | u8::from(next == b'\r')))
    };
    !any_pair(body, is_changed)
}

/// Hashes the relaxed form of a body. The last byte of `body` must not be white space.
fn hash_relaxed(hash: &mut Context, body: &[u8]) {
    let mut piece = [0; PIECE];
    let mut length = 0;
    let mut was_space = false;
    for &byte in body {
        if length == PIECE {
            // The last byte is not hashed yet. If it is a space and a line end follows, it must be
            // removed.
            hash.update(&piece[..PIECE - 1]);
            piece[0] = piece[PIECE - 1];
            length = 1;
        }
        if byte == b'\r' && was_space && length > 0 {
            length -= 1;
        }
        let is_space = is_space(byte);
        piece[length] = if is_space { b' ' } else { byte };
        length += usize::from(!(is_space & was_space));
        was_space = is_space;
    }
    hash.update(&piece[..length]);
}

/// Returns whether a message has a CR or LF that is not part of a CRLF.
pub(super) fn has_bare_ends(message: &[u8]) -> bool {
    let is_bare = |byte: u8, next: u8| u8::from((byte == b'\r') != (next == b'\n'));
    message.first() == Some(&b'\n') || message.ends_with(b"\r") || any_pair(message, is_bare)
}

/// Returns the message with every line end converted to CRLF.
pub(super) fn with_crlf(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + message.len() / 32);
    let mut bytes = message.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' => {
                bytes.next_if_eq(&b'\n');
                out.extend_from_slice(b"\r\n");
            }
            b'\n' => out.extend_from_slice(b"\r\n"),
            byte => out.push(byte),
        }
    }
    out
}

/// Returns whether `is` returns 1 for any pair of adjacent bytes.
fn any_pair(bytes: &[u8], is: impl Fn(u8, u8) -> u8) -> bool {
    let Some(behind_first) = bytes.get(1..) else { return false };
    let (first, _) = bytes.as_chunks::<TOGETHER>();
    let (second, rest) = behind_first.as_chunks::<TOGETHER>();
    let mut found = 0;
    for (first, second) in first.iter().zip(second) {
        for i in 0..TOGETHER {
            found |= is(first[i], second[i]);
        }
    }
    let last = bytes.len() - 1 - rest.len();
    bytes[last..].windows(2).fold(found, |found, pair| found | is(pair[0], pair[1])) != 0
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::digest::digest;

    use super::*;

    /// Returns the relaxed form of a body. It works line by line, as the RFC describes it.
    fn relaxed(body: &str) -> String {
        let mut lines: Vec<String> = body
            .split("\r\n")
            .map(|line| {
                let mut out = String::new();
                for c in line.trim_end_matches([' ', '\t']).chars() {
                    match c {
                        ' ' | '\t' if out.ends_with(' ') => {}
                        '\t' => out.push(' '),
                        c => out.push(c),
                    }
                }
                out
            })
            .collect();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines.iter().map(|line| format!("{line}\r\n")).collect()
    }

    fn assert_body(body: &str, expected: &str) {
        assert_eq!(
            body_hash(body.as_bytes()).as_ref(),
            digest(&SHA256, expected.as_bytes()).as_ref(),
            "{body:?}"
        );
    }

    fn header(field: &str) -> String {
        let mut out = Vec::new();
        push_header(&mut out, field.as_bytes());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_example_of_rfc_6376_section_3_4_5() {
        let message = b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n";
        let (fields, body) = split(message);
        assert_eq!(fields, [&b"A: X"[..], b"B : Y\t\r\n\tZ  "]);
        assert_eq!(header("A: X"), "a:X");
        assert_eq!(header("B : Y\t\r\n\tZ  "), "b:Y Z");
        assert_body(std::str::from_utf8(body).unwrap(), " C\r\nD E\r\n");
    }

    #[test]
    fn bodies_at_the_edges() {
        for (body, expected) in [
            ("", ""),
            ("\r\n\r\n", ""),
            (" \t\r\n", ""),
            ("a", "a\r\n"),
            ("a \t", "a\r\n"),
            ("\r\na\r\n", "\r\na\r\n"),
            ("\t a\r\n", " a\r\n"),
            ("a  \r\n\r\n b\r\n \r\n", "a\r\n\r\n b\r\n"),
        ] {
            assert_body(body, expected);
            assert_eq!(relaxed(body), expected, "{body:?}");
        }
        assert_eq!(header("Subject:"), "subject:");
        assert_eq!(header("X-A:  \r\n \r\n b "), "x-a:b");
        assert_eq!(split(b"A: b\r\n").0, [b"A: b"]);
        assert_eq!(split(b"A: b\r\n\r\n"), (vec![&b"A: b"[..]], &b""[..]));
    }

    #[test]
    fn a_space_at_the_border_of_two_pieces_is_kept_or_left_out_as_elsewhere() {
        for before in PIECE - 4..PIECE + 4 {
            for behind in ["  \r\nb\r\n", " c\r\n", " \t c \r\n"] {
                let body = format!("{}{behind}", "a".repeat(before));
                assert_body(&body, &relaxed(&body));
            }
        }
    }

    proptest! {
        #[test]
        fn a_body_is_hashed_as_the_rfc_describes_it(
            lines in proptest::collection::vec("[ab \t]{0,9}", 0..40),
            long in "[a ]{0,200}",
        ) {
            let body = format!("{}{long}", lines.join("\r\n"));
            assert_body(&body, &relaxed(&body));
        }

        #[test]
        fn bare_ends_are_found_and_made_crlf(message in "[a\r\n]{0,140}") {
            let whole = with_crlf(message.as_bytes());
            prop_assert_eq!(has_bare_ends(message.as_bytes()), whole != message.as_bytes());
            prop_assert!(!has_bare_ends(&whole));
        }
    }
}
