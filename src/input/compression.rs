//! Decompresses gzip and zstd while reading. The file name's suffix or the first bytes show the
//! compression.

use std::io::{self, BufReader, Chain, Cursor, ErrorKind, Read};

use super::problem::{Place, Problem};

type Bytes = Box<dyn Read + Send>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    fn by_suffix(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        if name.ends_with(".gz") {
            Some(Self::Gzip)
        } else if name.ends_with(".zst") {
            Some(Self::Zstd)
        } else {
            None
        }
    }

    fn by_magic(first: &[u8]) -> Option<Self> {
        match first {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // A zstd frame, or a skippable frame that precedes it (RFC 8878, section 3.1).
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Some(Self::Zstd),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// The decompressed bytes of a list.
pub(super) struct Plain {
    bytes: Bytes,
    compression: Option<Compression>,
}

impl Plain {
    /// Detects the compression of `bytes`. `name` is the file name, whose suffix is checked.
    pub(super) fn new(name: &str, mut bytes: Bytes) -> Result<Self, Problem> {
        let mut first = Vec::with_capacity(4);
        bytes.by_ref().take(4).read_to_end(&mut first).map_err(|error| unreadable(None, &error))?;
        let found = Compression::by_magic(&first);
        let expected = Compression::by_suffix(name);
        if let Some(expected) =
            expected.filter(|&expected| !first.is_empty() && found != Some(expected))
        {
            let problem = Problem::new(
                Place::List,
                format!(
                    "its name says {}, but its content is not {} data",
                    expected.name(),
                    expected.name()
                ),
            );
            return Err(problem.hint("rename the file to match its format, or fetch it again"));
        }
        let bytes: Chain<Cursor<Vec<u8>>, Bytes> = Cursor::new(first).chain(bytes);
        let bytes: Bytes = match found {
            None => Box::new(bytes),
            Some(Compression::Gzip) => Box::new(flate2::bufread::MultiGzDecoder::new(
                BufReader::with_capacity(1 << 16, bytes),
            )),
            Some(Compression::Zstd) => Box::new(
                zstd::stream::read::Decoder::new(bytes)
                    .map_err(|error| unreadable(found, &error))?,
            ),
        };
        Ok(Self { bytes, compression: found })
    }

    /// Reads until `buffer` is full or the data ends. Returns the number of bytes read.
    pub(super) fn read_full(&mut self, buffer: &mut [u8]) -> Result<usize, Problem> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.bytes.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(self.compression, &error)),
            }
        }
        Ok(filled)
    }
}

fn unreadable(compression: Option<Compression>, error: &io::Error) -> Problem {
    match compression {
        Some(_) if error.kind() == ErrorKind::UnexpectedEof => Problem::new(
            Place::List,
            "the file ends in the middle of its compressed data: truncated?",
        )
        .hint("fetch or export it again"),
        Some(compression) => Problem::new(
            Place::List,
            format!("its {} data is damaged: {error}", compression.name()),
        )
        .hint("fetch or export it again"),
        None => Problem::new(Place::List, format!("cannot be read: {error}")),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;

    pub(in crate::input) fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn read(name: &str, data: Vec<u8>) -> Result<Vec<u8>, String> {
        let show = |problem: Problem| problem.in_list(name).to_string();
        let mut plain = Plain::new(name, Box::new(Cursor::new(data))).map_err(show)?;
        let mut buffer = vec![0; 1 << 20];
        let count = plain.read_full(&mut buffer).map_err(show)?;
        buffer.truncate(count);
        Ok(buffer)
    }

    fn noise(length: usize) -> Vec<u8> {
        (0..length as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
    }

    #[test]
    fn gzip_of_several_members_zstd_and_plain_bytes_are_read_whatever_their_name() {
        let members = [gzip(b"email\n"), gzip(b"a@example.com\n")].concat();
        assert_eq!(read("list.csv.gz", members.clone()).unwrap(), b"email\na@example.com\n");
        assert_eq!(read("standard input", members).unwrap(), b"email\na@example.com\n");
        let frames = [
            zstd::encode_all(&b"email\n"[..], 1).unwrap(),
            zstd::encode_all(&b"x"[..], 1).unwrap(),
        ]
        .concat();
        assert_eq!(read("list.csv.zst", frames.clone()).unwrap(), b"email\nx");
        assert_eq!(read("list", frames).unwrap(), b"email\nx");
        assert_eq!(read("list.csv", b"em".to_vec()).unwrap(), b"em");
    }

    #[test]
    fn truncated_compressed_data_is_named() {
        let data = noise(100_000);
        let mut packed = gzip(&data);
        packed.truncate(packed.len() / 2);
        assert!(
            read("l.csv.gz", packed)
                .unwrap_err()
                .contains("ends in the middle of its compressed data: truncated?")
        );
        let mut packed = zstd::encode_all(&data[..], 1).unwrap();
        packed.truncate(packed.len() / 2);
        assert!(read("l.csv.zst", packed).unwrap_err().contains("truncated?"));
    }

    #[test]
    fn damaged_data_and_a_lying_suffix_are_named() {
        let mut packed = gzip(&noise(100_000));
        let middle = packed.len() / 2;
        packed[middle] ^= 0xff;
        assert!(read("l.csv.gz", packed).unwrap_err().contains("gzip data is damaged"));
        assert!(read("l.csv.gz", b"email\n".to_vec()).unwrap_err().contains("its name says gzip"));
    }
}
