//! Parses the extensions that a server announces in its reply to EHLO (RFC 5321 section 4.1.1.1).

use super::reply::Answer;

/// The extensions that mailbatch uses. Keywords are compared without case, and unknown ones are
/// ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    /// RFC 2920: the client may send commands without waiting for each reply.
    pub(super) pipelining: bool,
    /// RFC 3030: the client may send a message as a chunk with an announced number of bytes.
    pub(super) chunking: bool,
    /// RFC 1870: the largest message in bytes; 0 if the server announces no limit.
    pub(super) size: Option<u64>,
    /// RFC 6152: the body may have bytes above ASCII.
    pub(super) eight_bit_mime: bool,
    /// RFC 6531: addresses and headers may be UTF-8.
    pub(super) smtputf8: bool,
    /// RFC 3207: the connection can switch to TLS.
    pub(super) starttls: bool,
    /// RFC 4954: the authentication mechanisms, in uppercase.
    pub(super) auth: Vec<String>,
    /// All keywords, in uppercase, sorted, without duplicates.
    pub(super) keywords: Vec<String>,
    /// The first line, which contains the server's name.
    pub(super) hello: String,
}

impl Extensions {
    /// Reads the extensions from all lines of a reply except the first.
    pub(super) fn read(answer: &Answer) -> Self {
        let mut found =
            Self { hello: answer.lines.first().cloned().unwrap_or_default(), ..Self::default() };
        for line in answer.lines.iter().skip(1) {
            // Some old servers write `AUTH=LOGIN PLAIN`.
            let line = line.trim().to_ascii_uppercase().replacen("AUTH=", "AUTH ", 1);
            let mut words = line.split_ascii_whitespace();
            found.keywords.extend(words.clone().next().map(str::to_owned));
            match words.next() {
                Some("PIPELINING") => found.pipelining = true,
                Some("CHUNKING") => found.chunking = true,
                Some("SIZE") => {
                    found.size = Some(words.next().and_then(|n| n.parse().ok()).unwrap_or(0))
                }
                Some("8BITMIME") => found.eight_bit_mime = true,
                Some("SMTPUTF8") => found.smtputf8 = true,
                Some("STARTTLS") => found.starttls = true,
                Some("AUTH") => found.auth.extend(words.map(str::to_owned)),
                _ => {}
            }
        }
        found.keywords.sort_unstable();
        found.keywords.dedup();
        found
    }

    /// Returns the announced limit, if a message of `bytes` bytes exceeds it.
    pub(super) fn exceeded_by(&self, bytes: usize) -> Option<u64> {
        self.size
            .filter(|&limit| limit > 0 && u64::try_from(bytes).is_ok_and(|bytes| bytes > limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_read_in_any_case() {
        let lines = [
            "relay.example",
            "pipelining",
            "SIZE 1000",
            "8BitMime",
            "SMTPUTF8",
            "StartTLS",
            "AUTH plain LOGIN",
            "AUTH=XOAUTH2",
            "Chunking",
            "",
        ];
        let found =
            Extensions::read(&Answer { code: 250, lines: lines.map(str::to_owned).to_vec() });
        assert!(
            found.pipelining
                && found.eight_bit_mime
                && found.smtputf8
                && found.starttls
                && found.chunking
        );
        assert_eq!(found.auth, ["PLAIN", "LOGIN", "XOAUTH2"]);
        assert_eq!(
            found.keywords,
            ["8BITMIME", "AUTH", "CHUNKING", "PIPELINING", "SIZE", "SMTPUTF8", "STARTTLS"]
        );
        assert_eq!((found.exceeded_by(1_000), found.exceeded_by(1_001)), (None, Some(1_000)));
    }

    #[test]
    fn the_first_line_is_a_name_and_size_without_a_number_is_no_limit() {
        let found = Extensions::read(&Answer {
            code: 250,
            lines: vec!["PIPELINING".into(), "SIZE".into()],
        });
        assert!(!found.pipelining);
        assert_eq!((found.size, found.exceeded_by(usize::MAX)), (Some(0), None));
    }
}
