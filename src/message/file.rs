//! Parses a message file: front matter in TOML between `+++` lines, then the body. Every error
//! names the file and the line.

use std::collections::HashMap;
use std::path::Path;

use toml::de::DeTable;

use crate::files;
use crate::model::error::{Error, Result};
use crate::model::shown::Shown;

use super::body::Format;
use super::keys::{FRONT_MATTER, MessageKeys};
use super::utf8::{HAS_NUL, text_of};

/// A parsed message file.
#[derive(Debug)]
pub(super) struct MessageFile {
    pub(super) format: Format,
    pub(super) keys: MessageKeys,
    /// The line of each key in the front matter. A header's key is `headers.NAME`.
    pub(super) lines: HashMap<String, u32>,
    pub(super) body: String,
    /// The line on which the body begins, from 1.
    pub(super) body_line: u32,
}

/// Reads a message file.
pub(super) fn read(path: &Path) -> Result<MessageFile> {
    let shown = path.shown();
    if path.is_dir() {
        return Err(Error::refused(format!("{shown}: it is a directory, not a file")).hint(
            format!("name one file in the directory, or let each row choose one: --message '{shown}/{{{{ locale }}}}.html'"),
        ));
    }
    let format = format_of(path)?;
    let bytes = files::read(path, files::MESSAGE).map_err(|why| {
        Error::refused(format!("{shown}: {why}")).hint(
            "name a readable file with --message, or with `file` under [message] in mailbatch.toml",
        )
    })?;
    parse(&shown, format, &bytes)
}

pub(super) fn format_of(path: &Path) -> Result<Format> {
    let suffix = path.extension().and_then(|suffix| suffix.to_str()).map(str::to_ascii_lowercase);
    match suffix.as_deref() {
        Some("txt") => Ok(Format::Text),
        Some("md" | "markdown") => Ok(Format::Markdown),
        Some("html" | "htm") => Ok(Format::Html),
        Some("mjml") => Ok(Format::Mjml),
        _ => Err(Error::refused(format!(
            "{}: a message file ends in .txt, .md, .html or .mjml",
            path.shown()
        ))),
    }
}

/// Parses the content of a message file. `shown` is its name in errors.
pub(super) fn parse(shown: &str, format: Format, bytes: &[u8]) -> Result<MessageFile> {
    let text = decode(shown, bytes)?;
    let mut file = MessageFile {
        format,
        keys: MessageKeys::default(),
        lines: HashMap::new(),
        body: text.clone(),
        body_line: 1,
    };
    if let Some(split) = split(shown, &text)? {
        let source = FrontMatter { shown, text: split.front, first_line: split.front_line };
        (file.keys, file.lines) = source.read()?;
        file.body = split.body.to_owned();
        file.body_line = split.body_line;
    }
    if file.keys.body.is_some() {
        if !file.body.trim().is_empty() {
            let line = file.lines.get("body").copied().unwrap_or(1);
            return Err(Error::usage(format!(
                "{shown}:{line}: `body` names another file, but the front matter is followed by a body"
            ))
            .hint("remove the key `body`, or the text below the front matter"));
        }
    } else if file.body.trim().is_empty() {
        return Err(Error::refused(format!("{shown}: the body is empty"))
            .hint("write the message below the front matter"));
    }
    Ok(file)
}

fn decode(shown: &str, bytes: &[u8]) -> Result<String> {
    text_of(bytes).map_err(|(line, why)| {
        let is_wide = why == HAS_NUL
            || [[0xff, 0xfe], [0xfe, 0xff]].iter().any(|mark| bytes.starts_with(mark));
        let why = why.strip_prefix("is ").unwrap_or(why);
        Error::refused(format!("{shown}:{line}: {why}")).hint(match is_wide {
            true => "the file is UTF-16; save it as UTF-8",
            false => "save the file as UTF-8",
        })
    })
}

struct Split<'a> {
    front: &'a str,
    front_line: u32,
    body: &'a str,
    body_line: u32,
}

/// Finds the front matter. `None` if the file has none. Blank lines may precede it.
fn split<'a>(shown: &str, text: &'a str) -> Result<Option<Split<'a>>> {
    let mut at = 0;
    let mut opened: Option<(usize, u32)> = None;
    for (number, line) in (1u32..).zip(text.split_inclusive('\n')) {
        let is_fence = line.trim_end() == "+++";
        at += line.len();
        match opened {
            None if is_fence => opened = Some((at, number + 1)),
            None if line.trim().is_empty() => {}
            None => return Ok(None),
            Some((start, front_line)) if is_fence => {
                let front = &text[start..at - line.len()];
                return Ok(Some(Split {
                    front,
                    front_line,
                    body: &text[at..],
                    body_line: number + 1,
                }));
            }
            Some(_) => {}
        }
    }
    match opened {
        None => Ok(None),
        Some((_, line)) => {
            Err(Error::refused(format!("{shown}:{}: the front matter is not closed", line - 1))
                .hint("put a line with only +++ between the front matter and the body"))
        }
    }
}

struct FrontMatter<'a> {
    shown: &'a str,
    text: &'a str,
    first_line: u32,
}

impl FrontMatter<'_> {
    fn read(&self) -> Result<(MessageKeys, HashMap<String, u32>)> {
        let table = DeTable::parse(self.text).map_err(|why| self.error(&why))?;
        let mut lines = HashMap::new();
        for (key, value) in table.get_ref() {
            let name: &str = key.get_ref();
            let line = self.line(key.span().start);
            if !FRONT_MATTER.contains(&name) {
                return Err(self.unknown(line, name));
            }
            // A multi-line string begins on the line after its quotes.
            let value_line = self.line(value.span().start);
            let opening = &self.text[value.span().start..];
            let first = if opening.starts_with("\"\"\"\n") || opening.starts_with("'''\n") {
                value_line + 1
            } else {
                value_line
            };
            lines.insert(name.to_owned(), first);
            if let (true, toml::de::DeValue::Table(headers)) = (name == "headers", value.get_ref())
            {
                for (header, value) in headers {
                    lines.insert(
                        format!("headers.{}", header.get_ref()),
                        self.line(value.span().start),
                    );
                }
            }
        }
        let keys = toml::from_str(self.text).map_err(|why| self.error(&why))?;
        Ok((keys, lines))
    }

    fn unknown(&self, line: u32, name: &str) -> Error {
        let error = Error::usage(format!(
            "{}:{line}: unknown key `{name}` in the front matter",
            self.shown
        ));
        if matches!(name, "html" | "text") {
            return error.hint("write the body below the front matter");
        }
        let nearest = FRONT_MATTER
            .iter()
            .map(|known| (strsim::damerau_levenshtein(known, name), *known))
            .min();
        match nearest {
            Some((distance, known)) if distance <= 1 + known.len() / 3 => {
                error.hint(format!("did you mean `{known}`?"))
            }
            _ => error.hint(format!("the keys are: {}", FRONT_MATTER.join(", "))),
        }
    }

    fn error(&self, why: &toml::de::Error) -> Error {
        let line = why.span().map_or(self.first_line, |span| self.line(span.start));
        let what = why.message().lines().collect::<Vec<_>>().join("; ");
        Error::usage(format!("{}:{line}: {what}", self.shown))
            .hint("the front matter is TOML: key = \"value\", one to a line")
    }

    fn line(&self, offset: usize) -> u32 {
        let before = self.text.as_bytes().iter().take(offset).filter(|&&b| b == b'\n').count();
        self.first_line + u32::try_from(before).unwrap_or(u32::MAX - self.first_line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::exit::Exit;

    fn parsed(text: &str) -> Result<MessageFile> {
        parse("welcome.md", Format::Markdown, text.as_bytes())
    }

    fn complaint(text: &str) -> (Exit, String) {
        let error = parsed(text).expect_err("refused");
        (error.exit(), error.to_string())
    }

    #[test]
    fn front_matter_and_body_are_told_apart() {
        let file = parsed("\u{feff}+++\r\nsubject = \"Hi {{ name }}\"\r\n[headers]\r\nX-A = 'a'\r\n+++\r\n\r\nHello\r\n").expect("valid");
        assert_eq!(file.keys.subject.as_deref(), Some("Hi {{ name }}"));
        assert_eq!((file.body.as_str(), file.body_line), ("\nHello\n", 6));
        assert_eq!((file.lines["subject"], file.lines["headers.X-A"]), (2, 4));
    }

    #[test]
    fn a_file_may_have_no_front_matter() {
        let file = parsed("Hello\n+++\n").expect("valid");
        assert_eq!(
            (file.body.as_str(), file.body_line, file.keys),
            ("Hello\n+++\n", 1, MessageKeys::default())
        );
    }

    #[test]
    fn an_unknown_key_gets_its_line_and_a_suggestion() {
        let (exit, text) = complaint("+++\nfrom = 'a@b.example'\nsujbect = 'x'\n+++\nHello");
        assert_eq!(exit, Exit::USAGE);
        assert_eq!(
            text,
            "welcome.md:3: unknown key `sujbect` in the front matter\nhint: did you mean `subject`?"
        );
    }

    #[test]
    fn broken_front_matter_gets_its_line() {
        assert!(complaint("+++\nsubject = x\n+++\nHello").1.starts_with("welcome.md:2: "));
        assert!(
            complaint("+++\nsubject = 'x'\nkind = 'newsletter'\n+++\nHello")
                .1
                .starts_with("welcome.md:3: unknown word \"newsletter\"")
        );
        let (exit, text) = complaint("+++\nsubject = 'x'\n\nHello");
        assert_eq!(exit, Exit::REFUSED);
        assert!(text.starts_with("welcome.md:1: the front matter is not closed"), "{text}");
    }

    #[test]
    fn an_empty_body_and_other_encodings_are_refused() {
        for text in ["", "\u{feff}", "+++\nsubject = 'x'\n+++\n \n\n"] {
            assert!(complaint(text).1.starts_with("welcome.md: the body is empty"), "{text:?}");
        }
        let error = parse("a.txt", Format::Text, b"Hi\nZo\xeb").expect_err("refused");
        assert_eq!(error.to_string(), "a.txt:2: not UTF-8\nhint: save the file as UTF-8");
        let error = parse("a.txt", Format::Text, &[0xff, 0xfe, b'H', 0]).expect_err("refused");
        assert!(error.to_string().contains("UTF-16"));
        let error = parse("a.txt", Format::Text, b"a\nH\0i\0").expect_err("refused");
        assert!(error.to_string().starts_with("a.txt:2: has a NUL byte"), "{error}");
        let file = parse("a.txt", Format::Text, b"+++\rsubject = 'x'\r+++\rHello\r");
        assert_eq!(file.expect("old line ends").body, "Hello\n");
    }

    #[test]
    fn the_suffix_tells_the_format() {
        assert_eq!(format_of(Path::new("a.HTML")).expect("known"), Format::Html);
        assert_eq!(format_of(Path::new("a.mjml")).expect("known"), Format::Mjml);
        assert!(format_of(Path::new("a.docx")).is_err());
    }
}
