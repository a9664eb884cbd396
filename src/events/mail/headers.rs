//! Reads header fields in reports and returned messages, even if they are truncated.

/// Returns the unfolded fields at the beginning of a text, up to the first line that is not a
/// field. Quotation marks before a line (`> To: ...`) are removed.
pub(super) fn fields(text: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    // Some servers indent all lines of a header that they quote.
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let indent = &first[..first.len() - first.trim_start().len()];
    for line in text.lines() {
        let line = line.strip_prefix(indent).unwrap_or(line);
        let line = line.trim_start_matches(['>', '|']);
        let line = if text.starts_with('>') || text.starts_with('|') {
            line.strip_prefix(' ').unwrap_or(line)
        } else {
            line
        };
        if line.trim().is_empty() {
            if fields.is_empty() {
                continue;
            }
            break;
        }
        if line.starts_with([' ', '\t']) {
            match fields.last_mut() {
                Some((_, value)) if value.len() < 10_000 => {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                Some(_) => {}
                None => fields.extend(field(line.trim())),
            }
            continue;
        }
        match field(line) {
            Some(field) => fields.push(field),
            // Before the first field there may be the separator line of an mbox.
            None if fields.is_empty() => {}
            None => break,
        }
    }
    fields
}

/// Parses a line of the form `Name: value` and converts the name to lowercase.
pub(super) fn field(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    let name = name.trim_end();
    let is_name = !name.is_empty() && name.len() < 60 && name.bytes().all(|b| b.is_ascii_graphic());
    is_name.then(|| (name.to_ascii_lowercase(), value.trim().to_owned()))
}

/// Returns the value of the first field with this name.
pub(super) fn get<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_quoted_and_torn_headers_are_read() {
        let read = fields("From ann Mon Nov 21\nTo: <a@x.org>,\n\t<b@x.org>\nX: 1\n\nBody: none\n");
        assert_eq!(read, [("to".into(), "<a@x.org>, <b@x.org>".into()), ("x".into(), "1".into())]);
        assert_eq!(get(&fields("> To: a@x.org\n> Subject: b"), "to"), Some("a@x.org"));
        assert_eq!(get(&fields("    To: a@x.org\n"), "to"), Some("a@x.org"));
        let indented = fields("  From: a@x.org\n   (b)\n  To: c@x.org\n\nD: e");
        assert_eq!(
            indented,
            [("from".into(), "a@x.org (b)".into()), ("to".into(), "c@x.org".into())]
        );
        assert!(fields("").is_empty() && fields("no header here").is_empty());
    }
}
