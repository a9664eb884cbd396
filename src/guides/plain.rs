//! Formats a page as text for a terminal or a pipe, wrapped at a width. Code is bold if the
//! terminal can show bold text, and otherwise in back-quotes.

use std::borrow::Cow;

use super::page::{Block, Span, Style, plain};

/// The indent of everything below a heading.
const INDENT: usize = 4;
/// The least width of a table column.
const NARROWEST: usize = 20;

/// How a page is laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// The total width in columns, including the indent.
    pub(super) width: usize,
    pub(super) marks: Marks,
}

/// How code is distinguished from the text around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marks {
    /// Code is not marked.
    None,
    /// Code is in back-quotes, as in Markdown.
    Quotes,
    /// Code is bold, by escape sequences.
    Bold,
}

/// Formats the whole page, which ends with a line break.
pub(super) fn render(page: &[Block], layout: Layout) -> String {
    let mut out = String::new();
    put(page, INDENT, layout, &mut out);
    out
}

fn put(blocks: &[Block], indent: usize, layout: Layout, out: &mut String) {
    for (at, block) in blocks.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        match block {
            Block::Heading(level, text) => {
                let heading = Span { text: plain(text), style: Style::Strong };
                filled(&[heading], "", if *level > 2 { INDENT / 2 } else { 0 }, layout, out);
            }
            Block::Paragraph(text) => filled(text, "", indent, layout, out),
            Block::Code(lines) => {
                lines.lines().for_each(|line| push_line(out, indent + INDENT, line))
            }
            Block::List { first, items } => list(*first, items, indent, layout, out),
            Block::Table(rows) => table(rows, indent, layout, out),
        }
    }
}

fn push_line(out: &mut String, indent: usize, line: &str) {
    if !line.is_empty() {
        out.extend(std::iter::repeat_n(' ', indent));
        out.push_str(line);
    }
    out.push('\n');
}

fn list(first: Option<u64>, items: &[Vec<Block>], indent: usize, layout: Layout, out: &mut String) {
    let is_loose = items.iter().any(|item| item.len() > 1);
    for (at, item) in items.iter().enumerate() {
        if at > 0 && is_loose {
            out.push('\n');
        }
        let mark =
            first.map_or_else(|| "- ".to_owned(), |first| format!("{}. ", first + at as u64));
        let inner = indent + mark.len();
        let rest = match item.split_first() {
            Some((Block::Paragraph(text), rest)) => {
                filled(text, &mark, indent, layout, out);
                rest
            }
            _ => item,
        };
        if !rest.is_empty() {
            out.push('\n');
            put(rest, inner, layout, out);
        }
    }
}

/// A word and the columns that it needs.
struct Word {
    shown: String,
    width: usize,
}

fn words(text: &[Span], marks: Marks) -> Vec<Word> {
    let mut all = Vec::new();
    let mut word = Word { shown: String::new(), width: 0 };
    for span in text {
        let is_bold = marks == Marks::Bold && matches!(span.style, Style::Strong | Style::Code);
        for (at, piece) in quoted(span, marks).split([' ', '\n']).enumerate() {
            if at > 0 && word.width > 0 {
                all.push(std::mem::replace(&mut word, Word { shown: String::new(), width: 0 }));
            }
            if piece.is_empty() {
                continue;
            }
            word.width += piece.chars().count();
            match is_bold {
                true => word.shown.extend(["\u{1b}[1m", piece, "\u{1b}[0m"]),
                false => word.shown.push_str(piece),
            }
        }
    }
    if word.width > 0 {
        all.push(word);
    }
    all
}

fn quoted(span: &Span, marks: Marks) -> Cow<'_, str> {
    if marks == Marks::Quotes && span.style == Style::Code {
        format!("`{}`", span.text).into()
    } else {
        span.text.as_str().into()
    }
}

/// Returns the columns that a text needs on one line.
fn width(text: &[Span], marks: Marks) -> usize {
    text.iter().map(|span| quoted(span, marks).chars().count()).sum()
}

/// Breaks text into lines of at most `width` columns, as lists of words. A longer word gets its own
/// line.
fn filled_words(text: &[Span], width: usize, marks: Marks) -> Vec<Vec<Word>> {
    let mut all: Vec<Vec<Word>> = Vec::new();
    let mut used = 0;
    for word in words(text, marks) {
        match all.last_mut().filter(|_| used + 1 + word.width <= width) {
            Some(line) => {
                used += 1 + word.width;
                line.push(word);
            }
            None => {
                used = word.width;
                all.push(vec![word]);
            }
        }
    }
    all
}

fn joined(words: &[Word]) -> String {
    let shown: Vec<&str> = words.iter().map(|word| word.shown.as_str()).collect();
    shown.join(" ")
}

/// Breaks text into lines of at most `width` columns.
fn lines(text: &[Span], width: usize, marks: Marks) -> Vec<String> {
    filled_words(text, width, marks).iter().map(|words| joined(words)).collect()
}

/// Formats a paragraph whose first line starts with `mark`. The other lines are indented, so that
/// they start below the text after the mark.
fn filled(text: &[Span], mark: &str, indent: usize, layout: Layout, out: &mut String) {
    let inner = indent + mark.len();
    for (at, line) in lines(text, layout.width.saturating_sub(inner).max(NARROWEST), layout.marks)
        .iter()
        .enumerate()
    {
        match at {
            0 => push_line(out, indent, &format!("{mark}{line}")),
            _ => push_line(out, inner, line),
        }
    }
}

/// Formats a table with columns as wide as their longest cells. The widest column is wrapped to the
/// remaining width. If the remaining width is too narrow, the rows are printed one below the other.
fn table(rows: &[Vec<Vec<Span>>], indent: usize, layout: Layout, out: &mut String) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let longest = |at: usize| {
        rows.iter()
            .filter_map(|row| row.get(at))
            .map(|cell| width(cell, layout.marks))
            .max()
            .unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..columns).map(longest).collect();
    let Some((widest, most)) = widths.iter().copied().enumerate().max_by_key(|(_, width)| *width)
    else {
        return;
    };
    let others: usize = widths.iter().sum::<usize>() - most + 2 * (columns - 1);
    let room = layout.width.saturating_sub(indent + others);
    if room < NARROWEST.min(most) {
        return entries(rows, indent, layout, out);
    }
    widths[widest] = most.min(room);
    for (at, row) in rows.iter().enumerate() {
        let marks = if at == 0 && layout.marks == Marks::Bold { Marks::None } else { layout.marks };
        put_row(row, &widths, indent, marks, out);
        if at == 0 {
            let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            push_line(out, indent, &rule.join("  "));
        }
    }
}

/// Formats one row of a table. The row has as many lines as its longest cell needs.
fn put_row(row: &[Vec<Span>], widths: &[usize], indent: usize, marks: Marks, out: &mut String) {
    let cells: Vec<Vec<Vec<Word>>> =
        row.iter().zip(widths).map(|(cell, width)| filled_words(cell, *width, marks)).collect();
    for at in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            let words = cell.get(at).map_or(&[][..], Vec::as_slice);
            let used =
                words.iter().map(|word| word.width).sum::<usize>() + words.len().saturating_sub(1);
            line.push_str(&joined(words));
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(used) + 2));
        }
        push_line(out, indent, line.trim_end());
    }
}

/// Formats a table that is too wide for columns: the first cell of each row, and below it the other
/// cells, each after the name of its column.
fn entries(rows: &[Vec<Vec<Span>>], indent: usize, layout: Layout, out: &mut String) {
    let Some((head, rows)) = rows.split_first() else { return };
    for (at, row) in rows.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        for (column, cell) in row.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
            match head.get(column).filter(|_| column > 0 && row.len() > 2) {
                Some(name) => {
                    filled(cell, &format!("{}: ", plain(name)), indent + INDENT, layout, out)
                }
                None => {
                    filled(cell, "", if column > 0 { indent + INDENT } else { indent }, layout, out)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::page::parse;
    use super::*;

    fn shown(markdown: &str, width: usize, marks: Marks) -> String {
        render(&parse(markdown), Layout { width, marks })
    }

    #[test]
    fn text_is_filled_to_the_width_and_lists_hang() {
        let text = shown(
            "# t: s\n\none two three four five\n\n- six seven eight nine ten\n- b\n\n1. c\n\n   ```sh\n   ls -l\n   ```\n",
            26,
            Marks::None,
        );
        assert_eq!(
            text,
            "t: s\n\n    one two three four\n    five\n\n    - six seven eight nine\n      ten\n    - b\n\n    1. c\n\n           ls -l\n"
        );
    }

    #[test]
    fn the_widest_column_of_a_table_is_filled() {
        let text = shown(
            "| a | b |\n| --- | --- |\n| one | two three four five six seven |\n",
            32,
            Marks::None,
        );
        assert_eq!(
            text,
            "    a    b\n    ---  -----------------------\n    one  two three four five six\n         seven\n"
        );
        let text = shown(
            "| a | b | c |\n| --- | --- | --- |\n| 1 | two three four five six seven | 8 |\n",
            32,
            Marks::None,
        );
        assert_eq!(
            text,
            "    a  b                       c\n    -  ----------------------  -\n    1  two three four five     8\n       six seven\n"
        );
        let text = shown(
            "| a | b | c |\n| --- | --- | --- |\n| 123456789 123456789 | two | three four five six seven |\n",
            32,
            Marks::None,
        );
        assert_eq!(
            text,
            "    123456789 123456789\n        b: two\n        c: three four five six\n           seven\n"
        );
    }

    #[test]
    fn bold_is_marked_on_a_terminal_alone() {
        assert_eq!(
            shown("`a b` c", 80, Marks::Bold),
            "    \u{1b}[1ma\u{1b}[0m \u{1b}[1mb\u{1b}[0m c\n"
        );
        assert_eq!(shown("`a b` c", 80, Marks::Quotes), "    `a b` c\n");
        assert_eq!(shown("`a b` c", 80, Marks::None), "    a b c\n");
    }
}
