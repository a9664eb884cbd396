//! Limits the number of elements in HTML and their depth. For each element, an HTML parser searches
//! the enclosing elements and keeps some kilobytes of memory. The counts here are never lower than
//! the parser's.

/// The most elements of HTML from which a text part is derived, and the greatest depth of nesting.
const MOST: usize = 100_000;
const DEEPEST: usize = 1_000;
/// The most attributes of an element. An HTML parser compares each attribute with all before it.
const MOST_ATTRIBUTES: usize = 250;

const NO_CONTENT: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
];
/// Elements that end where the next such element begins, so most HTML omits their end tags. They do
/// not count towards the depth. The parts of a table are inside a `table` element, which counts.
const ENDS_BY_ITSELF: [&str; 20] = [
    "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "caption", "colgroup",
    "option", "optgroup", "rb", "rp", "rt", "rtc", "head", "body",
];
/// Block elements. The end tag of a block ends every element that is open inside it. The end tag of
/// any other element ends nothing outside the innermost block.
const BLOCKS: [&str; 39] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "button",
    "center",
    "details",
    "dialog",
    "dir",
    "div",
    "dl",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hgroup",
    "html",
    "listing",
    "main",
    "marquee",
    "menu",
    "nav",
    "object",
    "ol",
    "pre",
    "section",
    "select",
    "summary",
    "table",
    "template",
    "ul",
];
/// Elements whose content is raw text up to their end tag.
const TEXT: [&str; 8] =
    ["script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"];

/// Returns an error if HTML has too many elements, attributes or levels to derive a text part in
/// reasonable time and memory.
pub(super) fn bounded(html: &str) -> Result<(), String> {
    let (mut open, mut count) = (Vec::<&str>::new(), 0_usize);
    let mut rest = html;
    while let Some(at) = memchr::memchr(b'<', rest.as_bytes()) {
        rest = &rest[at + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = behind_the_comment(comment);
            continue;
        }
        let is_end = rest.starts_with('/');
        let from = &rest[usize::from(is_end)..];
        if !from.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let (name, attributes) = from.split_at(
            from.bytes()
                .position(|byte| is_space(byte) || matches!(byte, b'>' | b'/'))
                .unwrap_or(from.len()),
        );
        let has;
        (rest, has) = behind_the_tag(attributes);
        if has > MOST_ATTRIBUTES {
            return Err(format!(
                "an HTML element has more than {MOST_ATTRIBUTES} attributes, too many to derive a text part"
            ));
        }
        let is = |names: &[&str]| names.iter().any(|known| name.eq_ignore_ascii_case(known));
        let is_drawing = open
            .iter()
            .any(|name| ["svg", "math"].iter().any(|known| name.eq_ignore_ascii_case(known)));
        let is_whole = is_drawing && attributes[..attributes.len() - rest.len()].ends_with("/>");
        count += usize::from(!is_end);
        if is_end {
            close(&mut open, name);
        } else if is(&TEXT) && !is_drawing {
            rest = behind_the_end(rest, name);
        } else if !is_whole && !is(&NO_CONTENT) && !is(&ENDS_BY_ITSELF) {
            open.push(name);
        }
        if count > MOST {
            return Err(format!(
                "the HTML has more than {MOST} elements, too many to derive a text part"
            ));
        }
        if open.len() > DEEPEST {
            return Err(format!(
                "the elements of the HTML are nested more than {DEEPEST} deep in each other, too deep to derive a text part"
            ));
        }
    }
    Ok(())
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c')
}

/// Returns the text after a comment. `comment` is the text after `<!--`.
fn behind_the_comment(comment: &str) -> &str {
    for at_once in [">", "->"] {
        if let Some(after) = comment.strip_prefix(at_once) {
            return after;
        }
    }
    let end = memchr::memmem::find_iter(comment.as_bytes(), "--").find_map(|at| {
        let after = &comment[at + 2..];
        after.strip_prefix('>').or_else(|| after.strip_prefix("!>"))
    });
    end.unwrap_or_default()
}

/// Returns the text after a tag, and the number of attributes of the tag. `attributes` is the text
/// after the tag's name. A quoted value may contain any character, including `>`.
fn behind_the_tag(attributes: &str) -> (&str, usize) {
    #[derive(Clone, Copy)]
    enum In {
        Gap,
        Name,
        BehindName,
        BeforeValue,
        Value,
        Quotes(u8),
    }
    let (mut state, mut count) = (In::Gap, 0);
    for (at, byte) in attributes.bytes().enumerate() {
        let next = match (state, byte) {
            (In::Quotes(quote), _) => {
                if byte == quote {
                    In::Gap
                } else {
                    state
                }
            }
            (_, b'>') => return (&attributes[at + 1..], count),
            (In::BeforeValue, b'"' | b'\'') => In::Quotes(byte),
            (In::BeforeValue, _) if is_space(byte) => state,
            (In::BeforeValue, _) => In::Value,
            (In::Value, _) => {
                if is_space(byte) {
                    In::Gap
                } else {
                    state
                }
            }
            (In::Name | In::BehindName, b'=') => In::BeforeValue,
            (_, b'/') => In::Gap,
            (In::Gap, _) if is_space(byte) => In::Gap,
            (_, _) if is_space(byte) => In::BehindName,
            _ => In::Name,
        };
        let begins = matches!(next, In::Name) && !matches!(state, In::Name);
        count += usize::from(begins);
        state = next;
    }
    ("", count)
}

/// Ends the innermost open element with this name, and all elements inside it. The search stops at
/// a table, template, object or marquee. For a name that is not a block's, it also stops at any
/// block. If no such element is found, nothing ends.
fn close(open: &mut Vec<&str>, name: &str) {
    let is_block = |name: &str| BLOCKS.iter().any(|known| name.eq_ignore_ascii_case(known));
    let is_wall = |name: &str| {
        ["table", "template", "object", "marquee"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
    };
    let ends_blocks = is_block(name);
    for place in (0..open.len()).rev() {
        if open[place].eq_ignore_ascii_case(name) {
            open.truncate(place);
            return;
        }
        if is_wall(open[place]) || (!ends_blocks && is_block(open[place])) {
            return;
        }
    }
}

/// Returns the text from the end tag of a raw-text element on.
fn behind_the_end<'h>(from: &'h str, name: &str) -> &'h str {
    let ends = memchr::memmem::find_iter(from.as_bytes(), "</").find(|at| {
        from.as_bytes()
            .get(at + 2..at + 2 + name.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
    });
    ends.map_or("", |at| &from[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_too_deep_is_found_however_it_is_written() {
        for (before, part, after) in [
            ("", "<div>", ""),
            ("", "<DIV class='a>b'>", "</DIV>"),
            ("", "<ul><li>", ""),
            ("", "<blockquote>", ""),
            ("", "<b>", ""),
            ("", "<p><b>", ""),
            ("", "<i></x>", ""),
            ("", "<x><div></x>", ""),
            ("", "<table><tr><td>", ""),
            ("", "<div><table><tr><td></div>", ""),
            ("<title>t</title><script>x</script>", "<span\n>", ""),
            ("<!-->", "<div>", ""),
            ("<!-- --!>", "<div title=\"</div>\">", ""),
            ("", "<div ='>", ""),
            ("", "<div a=b='>", ""),
            ("", "<div a = '</div>' b/c>", ""),
            ("<svg><title>", "<g>", ""),
        ] {
            let html = format!("{before}{}{}", part.repeat(2_000), after.repeat(2_000));
            let why = bounded(&html).expect_err(part);
            assert!(why.contains("more than 1000 deep"), "{part}: {why}");
        }
        let attributes: String = (0..1_000).map(|n| format!(" a{n}='x>' b{n}")).collect();
        let why = bounded(&format!("<p{attributes}>")).expect_err("many attributes");
        assert!(why.contains("more than 250 attributes"), "{why}");
        assert!(
            bounded(&format!("<table><tr>{}", "<td>x".repeat(200_000)))
                .expect_err("many")
                .contains("100000 elements")
        );
    }

    #[test]
    fn what_mail_is_made_of_is_let_through() {
        let row = "<tr><td><p>Hi<br><b>Ann</b> <img src=x> <a href='y'>z</a><li>one</tr>";
        let nested = |times: usize, inner: &str| {
            format!(
                "{}{inner}{}",
                "<table><tr><td>".repeat(times),
                "</td></tr></table>".repeat(times)
            )
        };
        for html in [
            String::new(),
            "1 < 2 <3 </ <! <?".repeat(50_000),
            nested(200, &row.repeat(5_000)),
            "<div><span>a</div>".repeat(20_000),
            "<b><i>a</b></i>".repeat(300),
            "<p>a<li>b<td>c".repeat(20_000),
            format!(
                "<style>{}</style><!-- {} --><script>{}</script>",
                "<b>".repeat(90_000),
                "<b>".repeat(90_000),
                "'<div>'".repeat(90_000)
            ),
            "<script>".repeat(90_000),
            format!("<svg>{}</svg>", "<path d='M0'/>".repeat(20_000)),
        ] {
            assert_eq!(bounded(&html), Ok(()), "{}", &html[..html.len().min(40)]);
        }
    }
}
