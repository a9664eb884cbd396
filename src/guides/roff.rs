//! Formats a page as roff with the man macros, for `man`.

use super::page::{Block, Span, Style, plain};
use super::plain::{self as text, Layout, Marks};

/// The width of code blocks. With the indent that `man` adds, they fit in 80 columns.
const WIDTH: usize = 70;

/// Returns the man page called `name` in this section of the manual. The title of the page is
/// `TOPIC: summary`.
pub(super) fn render(page: &[Block], name: &str, section: u8) -> String {
    let mut out = format!(".TH {name} {section} \"\" \"mailbatch\"\n");
    let mut is_described = false;
    for block in page {
        match block {
            Block::Heading(1, title) => {
                let title = plain(title);
                let about = title.split_once(": ").map_or(title.as_str(), |(_, about)| about);
                out.push_str(&format!(
                    ".SH NAME\n{} \\- {}\n",
                    escaped(name, Style::Code),
                    escaped(about, Style::Plain)
                ));
            }
            Block::Heading(2, text) => {
                out.push_str(&format!(
                    ".SH {}\n",
                    escaped(&plain(text).to_uppercase(), Style::Plain)
                ));
                is_described = true;
            }
            Block::Heading(_, text) => {
                out.push_str(&format!(".SS {}\n", escaped(&plain(text), Style::Plain)))
            }
            _ => {
                if !std::mem::replace(&mut is_described, true) {
                    out.push_str(".SH DESCRIPTION\n");
                }
                put(block, &mut out);
            }
        }
    }
    out
}

fn put(block: &Block, out: &mut String) {
    match block {
        Block::Heading(..) => {}
        Block::Paragraph(text) => out.push_str(&format!(".PP\n{}\n", inline(text))),
        Block::Code(lines) => verbatim(lines, out),
        Block::List { first, items } => {
            for (at, item) in items.iter().enumerate() {
                let mark = first.map_or_else(
                    || "\\(bu 2".to_owned(),
                    |first| format!("{}. 4", first + at as u64),
                );
                out.push_str(&format!(".IP {mark}\n"));
                inner(item, out);
            }
        }
        Block::Table(rows) if rows.first().is_some_and(|row| row.len() == 2) => {
            for row in rows.iter().skip(1) {
                out.push_str(&format!(".TP\n{}\n{}\n", inline(&row[0]), inline(&row[1])));
            }
        }
        Block::Table(_) => verbatim(
            &unindented(&text::render(
                std::slice::from_ref(block),
                Layout { width: WIDTH + 4, marks: Marks::None },
            )),
            out,
        ),
    }
}

/// Formats the blocks of a list item. The first block follows the mark of the item, the others are
/// below it.
fn inner(item: &[Block], out: &mut String) {
    for (at, block) in item.iter().enumerate() {
        match block {
            Block::Paragraph(text) if at == 0 => out.push_str(&format!("{}\n", inline(text))),
            block => {
                out.push_str(".RS 4\n");
                put(block, out);
                out.push_str(".RE\n");
            }
        }
    }
}

fn verbatim(lines: &str, out: &mut String) {
    out.push_str(".PP\n.RS 2\n.nf\n");
    for line in lines.lines() {
        out.push_str(&guarded(&escaped(line, Style::Code)));
        out.push('\n');
    }
    out.push_str(".fi\n.RE\n");
}

fn unindented(lines: &str) -> String {
    lines.lines().map(|line| format!("{}\n", line.get(4..).unwrap_or_default())).collect()
}

fn inline(text: &[Span]) -> String {
    let mut line = String::new();
    for span in text {
        let text = escaped(&span.text, span.style);
        match span.style {
            Style::Plain => line.push_str(&text),
            Style::Strong | Style::Code => line.push_str(&format!("\\fB{text}\\fR")),
            Style::Emphasis => line.push_str(&format!("\\fI{text}\\fR")),
        }
    }
    // Protects the start of a line. roff takes a line that begins with one of these characters for
    // a macro, and a leading blank ends the paragraph.
    guarded(line.trim())
}

fn guarded(line: &str) -> String {
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() }
}

/// Escapes characters in code that roff would replace by typographic ones.
fn escaped(text: &str, style: Style) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\e"),
            '-' if style == Style::Code => out.push_str("\\-"),
            '\'' if style == Style::Code => out.push_str("\\(aq"),
            '`' => out.push_str("\\(ga"),
            '^' => out.push_str("\\(ha"),
            '~' => out.push_str("\\(ti"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::page::parse;
    use super::*;

    #[test]
    fn what_is_typed_stays_as_it_is() {
        let page = render(
            &parse(
                "# t: a-b\n\n.x `--for '1h'` a\\\\b\n\n```text\n.cut ~/x\n'q'\n```\n\n## More\n\n- one\n\n  two\n",
            ),
            "mailbatch-t",
            7,
        );
        assert_eq!(
            page,
            ".TH mailbatch-t 7 \"\" \"mailbatch\"\n.SH NAME\nmailbatch\\-t \\- a-b\n.SH DESCRIPTION\n.PP\n\\&.x \\fB\\-\\-for \\(aq1h\\(aq\\fR a\\eb\n\
             .PP\n.RS 2\n.nf\n\\&.cut \\(ti/x\n\\(aqq\\(aq\n.fi\n.RE\n.SH MORE\n.IP \\(bu 2\none\n.RS 4\n.PP\ntwo\n.RE\n"
        );
    }

    #[test]
    fn a_table_of_two_columns_is_a_list_of_terms() {
        let page = render(
            &parse("# t: s\n\n| k | what |\n| --- | --- |\n| `a_b` | c |\n"),
            "mailbatch-t",
            7,
        );
        assert!(page.ends_with(".TP\n\\fBa_b\\fR\nc\n"), "{page}");
    }
}
