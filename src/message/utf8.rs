//! Decodes the text files of a message.

/// The reasons why `text_of` refuses a file.
pub(super) const NOT_UTF8: &str = "is not UTF-8";
pub(super) const HAS_NUL: &str = "has a NUL byte";

/// Returns the text of a file with `\n` at the ends of lines. The error is the line, and what is
/// wrong there.
pub(super) fn text_of(bytes: &[u8]) -> std::result::Result<String, (usize, &'static str)> {
    let line = |end: usize| 1 + bytes[..end].iter().filter(|byte| **byte == b'\n').count();
    let text = std::str::from_utf8(bytes).map_err(|why| (line(why.valid_up_to()), NOT_UTF8))?;
    if let Some(at) = memchr::memchr(0, bytes) {
        return Err((line(at), HAS_NUL));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Ok(text.replace("\r\n", "\n").replace('\r', "\n"))
}
