//! A guide as a list of blocks, parsed from the subset of Markdown that guides use.

use pulldown_cmark::{Event, Options, Parser, Tag};

/// One block of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// The heading's level, from 1 for the title.
    Heading(u8, Text),
    Paragraph(Text),
    /// Preformatted text, shown unchanged line by line.
    Code(String),
    /// A list. `first` is the number of the first item; `None` for a bullet list.
    List {
        first: Option<u64>,
        items: Vec<Vec<Block>>,
    },
    /// A table as rows of cells; the first row is the header.
    Table(Vec<Vec<Text>>),
}

/// Inline text.
pub(super) type Text = Vec<Span>;

/// Text in one style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) style: Style,
}

/// The style of a piece of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Strong,
    Emphasis,
    Code,
}

/// Parses a page into blocks. Comments and other HTML are dropped.
pub(super) fn parse(markdown: &str) -> Vec<Block> {
    blocks(&mut Parser::new_ext(markdown, Options::ENABLE_TABLES))
}

/// Returns the text without styles.
pub(super) fn plain(text: &[Span]) -> String {
    text.iter().map(|span| span.text.as_str()).collect()
}

/// Parses the blocks up to the end of the current element.
fn blocks(events: &mut Parser<'_>) -> Vec<Block> {
    let mut all = Vec::new();
    // In a list without blank lines, items contain text directly, without a paragraph.
    let mut loose = Text::new();
    while let Some(event) = events.next() {
        let block = match event {
            Event::Start(Tag::Heading { level, .. }) => {
                Block::Heading(level as u8, inline(events, Style::Plain))
            }
            Event::Start(Tag::Paragraph) => Block::Paragraph(inline(events, Style::Plain)),
            Event::Start(Tag::CodeBlock(_)) => Block::Code(plain(&inline(events, Style::Code))),
            Event::Start(Tag::List(first)) => {
                Block::List { first, items: children(events, blocks) }
            }
            Event::Start(Tag::Table(_)) => Block::Table(children(events, |row| {
                children(row, |cell| inline(cell, Style::Plain))
            })),
            Event::Start(Tag::HtmlBlock) => {
                inline(events, Style::Plain);
                continue;
            }
            Event::End(_) => break,
            event => {
                span(event, events, Style::Plain, &mut loose);
                continue;
            }
        };
        flush(&mut loose, &mut all);
        all.push(block);
    }
    flush(&mut loose, &mut all);
    all
}

fn flush(loose: &mut Text, all: &mut Vec<Block>) {
    if !loose.is_empty() {
        all.push(Block::Paragraph(std::mem::take(loose)));
    }
}

/// Tells how to parse the children of the current element.
fn children<'a, T>(events: &mut Parser<'a>, read: impl Fn(&mut Parser<'a>) -> T) -> Vec<T> {
    let mut all = Vec::new();
    while let Some(Event::Start(_)) = events.next() {
        all.push(read(events));
    }
    all
}

fn inline(events: &mut Parser<'_>, style: Style) -> Text {
    let mut text = Text::new();
    while let Some(event) = events.next() {
        if matches!(event, Event::End(_)) {
            break;
        }
        span(event, events, style, &mut text);
    }
    text
}

fn span(event: Event<'_>, events: &mut Parser<'_>, style: Style, text: &mut Text) {
    let mut push = |piece: &str, style| text.push(Span { text: piece.to_owned(), style });
    match event {
        Event::Text(piece) => push(&piece, style),
        Event::Code(piece) => push(&piece, Style::Code),
        Event::SoftBreak | Event::HardBreak => push(" ", style),
        Event::Start(Tag::Strong) => text.extend(inline(events, Style::Strong)),
        Event::Start(Tag::Emphasis) => text.extend(inline(events, Style::Emphasis)),
        Event::Start(Tag::Link { dest_url, .. }) => {
            text.extend(inline(events, style));
            if dest_url.starts_with("http") && plain(text) != *dest_url {
                text.push(Span { text: format!(" <{dest_url}>"), style });
            }
        }
        Event::Start(_) => text.extend(inline(events, style)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constructs_of_guides_are_read() {
        let page = "# t: s\n\n<!-- generated: x -->\n\nOne `two`\n**three**.\n\n- a\n- b\n\n  ```sh\n  ls\n  ```\n\n| h | i |\n| --- | --- |\n| `x` | y \\| z |\n";
        let span = |text: &str, style| Span { text: text.to_owned(), style };
        let text = |text: &str| vec![span(text, Style::Plain)];
        let item = |name: &str| Block::Paragraph(text(name));
        let read = parse(page);
        assert_eq!(read[0], Block::Heading(1, text("t: s")));
        let words = [
            ("One ", Style::Plain),
            ("two", Style::Code),
            (" ", Style::Plain),
            ("three", Style::Strong),
            (".", Style::Plain),
        ];
        assert_eq!(
            read[1],
            Block::Paragraph(words.map(|(word, style)| span(word, style)).to_vec())
        );
        assert_eq!(
            read[2],
            Block::List {
                first: None,
                items: vec![vec![item("a")], vec![item("b"), Block::Code("ls\n".to_owned())]]
            }
        );
        let Block::Table(rows) = &read[3] else { panic!("{read:?}") };
        assert_eq!(
            (rows.len(), plain(&rows[0][1]), plain(&rows[1][0]), plain(&rows[1][1])),
            (2, "i".to_owned(), "x".to_owned(), "y | z".to_owned())
        );
    }
}
