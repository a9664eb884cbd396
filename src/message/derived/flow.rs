//! Collects the words of a text and writes the white space, line breaks, marks and link URLs
//! between them.
//!
//! The rule it keeps: no line ends in a blank, and no two blank lines follow each other, whatever
//! the caller asks for.

use std::collections::HashSet;

use super::hidden::WhiteSpace;
use super::link::{self, Target};

/// The most marks at the beginning of a line. Further marks are left out.
const MOST_MARKS: usize = 12;

/// The text at the beginning of each line of a quotation or a list item, such as `> ` or `- `.
#[derive(Debug)]
struct Mark {
    /// The mark of the first line, if it differs from `rest`.
    first: Option<String>,
    rest: String,
}

/// A link whose end tag has not been reached.
#[derive(Debug)]
struct OpenLink {
    target: Target,
    /// The offset in `out` of the link's text, and the offset at which the text before it ends.
    /// `None` until the link has text.
    start: Option<(usize, usize)>,
}

/// A link whose text is written but whose URL is not. The URL is held back so that it is written
/// only once if the same link follows.
#[derive(Debug)]
struct Waiting {
    target: Target,
    /// The range of the link's text in `out`.
    start: usize,
    end: usize,
}

/// A text under construction.
#[derive(Debug, Default)]
pub(super) struct Flow {
    out: String,
    /// The number of line breaks before the next word: 0, 1, or 2 for a blank line.
    breaks: usize,
    /// The number of blanks before the next word.
    blanks: usize,
    /// A zero-width joiner or non-joiner. It is written only if the next character is visible.
    joiner: Option<char>,
    /// The number of cell separators before the next word.
    cells: usize,
    between_cells: &'static str,
    marks: Vec<Mark>,
    marks_left_out: usize,
    /// The number of marks, from the outermost, that apply to the last line and have not ended
    /// since.
    shared_marks: usize,
    /// The number of open elements whose content is kept on one line.
    one_line: usize,
    link: Option<OpenLink>,
    waiting: Option<Waiting>,
    /// Targets, in their written form, of the links that have words and of those whose URL has
    /// been written.
    named: HashSet<String>,
}

impl Flow {
    /// Requires `apart` line breaks before the next word: 1 begins a new line, 2 adds a blank line.
    pub(super) fn apart(&mut self, apart: usize) {
        if apart == 0 {
            return;
        }
        if self.one_line > 0 {
            self.blanks = self.blanks.max(1);
        } else {
            self.breaks = self.breaks.max(apart);
            (self.cells, self.blanks) = (0, 0);
        }
        self.joiner = None;
    }

    /// Adds a line break that the author wrote, such as `<br>`.
    pub(super) fn line_break(&mut self) {
        self.apart((self.breaks + 1).min(2));
    }

    /// Keeps the following text on one line until `end_one_line`.
    pub(super) fn begin_one_line(&mut self) {
        self.one_line += 1;
    }

    pub(super) fn end_one_line(&mut self) {
        self.one_line -= 1;
    }

    /// The next word belongs to the next cell of a row. `between` is the separator.
    pub(super) fn next_cell(&mut self, between: &'static str) {
        self.cells += 1;
        self.between_cells = between;
    }

    /// Begins the following lines with `rest`, and the first of them with `first` if it is given.
    pub(super) fn push_mark(&mut self, first: Option<String>, rest: String) {
        if self.marks.len() < MOST_MARKS {
            self.marks.push(Mark { first, rest });
        } else {
            self.marks_left_out += 1;
        }
    }

    pub(super) fn pop_mark(&mut self) {
        if self.marks_left_out > 0 {
            self.marks_left_out -= 1;
        } else {
            self.marks.pop();
            self.shared_marks = self.shared_marks.min(self.marks.len());
        }
    }

    /// Writes the text of an element that has this `white-space`.
    pub(super) fn text(&mut self, text: &str, space: WhiteSpace) {
        let mut word = None;
        for (at, c) in text.char_indices() {
            if is_visible(c) {
                word.get_or_insert(at);
                continue;
            }
            if let Some(start) = word.take() {
                self.word(&text[start..at]);
            }
            match c {
                '\n' if space != WhiteSpace::Collapsed => self.line_break(),
                '\u{200c}' | '\u{200d}' => self.joiner = Some(c),
                _ if is_blank(c) => {
                    self.joiner = None;
                    let wide = if c == '\t' { 4 } else { 1 };
                    let kept = space == WhiteSpace::Kept && self.one_line == 0;
                    self.blanks = if kept { self.blanks + wide } else { self.blanks.max(1) };
                }
                _ => self.joiner = None,
            }
        }
        if let Some(start) = word {
            self.word(&text[start..]);
        }
    }

    /// Writes the alternative text of a picture, with a blank after the one of a picture before.
    pub(super) fn picture(&mut self, alt: &str) {
        if self.out.ends_with(']') {
            self.blanks = self.blanks.max(1);
        }
        self.text(&format!("[{alt}]"), WhiteSpace::Collapsed);
    }

    /// Writes a word after the pending line breaks, blanks, cell separators and joiner.
    fn word(&mut self, word: &str) {
        let same = |waiting: &Waiting| {
            self.link.as_ref().is_some_and(|link| link.target == waiting.target)
        };
        let before = self.waiting.as_ref().filter(|waiting| same(waiting)).map(|last| last.end);
        if before.is_none() {
            self.write_waiting();
        }
        let end = self.out.len();
        let is_new_line = self.out.is_empty() || self.breaks > 0;
        if is_new_line {
            self.begin_line();
        }
        if self.cells > 0 {
            for _ in 0..self.cells {
                let between = self.between_cells;
                self.out.push_str(if is_new_line { between.trim_start() } else { between });
            }
        } else if self.blanks > 0 && !is_new_line {
            self.out.push(' ');
        } else if self.blanks > 1 {
            self.out.extend(std::iter::repeat_n(' ', self.blanks));
        }
        let joiner = self.joiner.take().filter(|_| !is_new_line && self.blanks == 0);
        self.out.extend(joiner);
        (self.blanks, self.cells) = (0, 0);
        if let Some(OpenLink { start: start @ None, .. }) = &mut self.link {
            *start = Some((self.out.len(), before.unwrap_or(end)));
        }
        self.out.push_str(word);
    }

    fn begin_line(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
            if self.breaks > 1 {
                for mark in &self.marks[..self.shared_marks.min(self.marks.len())] {
                    self.out.push_str(&mark.rest);
                }
                self.out.truncate(self.out.trim_end_matches(' ').len());
                self.out.push('\n');
            }
        }
        for mark in &mut self.marks {
            let first = mark.first.take();
            self.out.push_str(first.as_deref().unwrap_or(&mark.rest));
        }
        self.shared_marks = self.marks.len();
        self.breaks = 0;
    }

    /// Writes a horizontal rule.
    pub(super) fn rule(&mut self) {
        self.apart(2);
        if self.one_line == 0 {
            self.word("---");
            self.apart(2);
        }
    }

    /// The following text, until `end_link`, is the text of a link.
    pub(super) fn begin_link(&mut self, target: Target) {
        self.link = Some(OpenLink { target, start: None });
    }

    /// Whether a link is open.
    pub(super) fn is_in_link(&self) -> bool {
        self.link.is_some()
    }

    /// Records that the text names this target, so that a link without words need not.
    pub(super) fn name(&mut self, target: &Target) {
        self.named.insert(target.shown().to_owned());
    }

    /// Ends a link. A link around a picture without alternative text is written as its URL, unless
    /// the text names that URL elsewhere.
    pub(super) fn end_link(&mut self, has_picture: bool) {
        if has_picture && self.link.as_ref().is_some_and(|link| link.start.is_none()) {
            let link = self.link.take();
            if let Some(link) = link.filter(|link| !self.named.contains(link.target.shown())) {
                self.word(&format!("<{}>", link.target.shown()));
                self.name(&link.target);
            }
            return;
        }
        let Some(OpenLink { target, start: Some((start, before)) }) = self.link.take() else {
            return;
        };
        if has_picture {
            self.write_once(start);
        }
        let end = self.out.len();
        if let Some(last) = self.waiting.take()
            && link::same_words(&self.out[last.start..last.end], &self.out[start..end])
        {
            self.out.truncate(before);
            self.waiting = Some(last);
            return;
        }
        if target.is_said_by(&self.out[start..end]) {
            self.out.truncate(start);
            self.out.push_str(target.shown());
            return;
        }
        self.waiting = Some(Waiting { target, start, end });
    }

    /// If a link's text repeats the same words, removes the repetition. A picture's alternative
    /// text is often also the title next to it.
    fn write_once(&mut self, start: usize) {
        let text = &self.out[start..];
        let words: Vec<&str> = text.split_whitespace().collect();
        let (first, second) = words.split_at(words.len() / 2);
        if first == second
            && let Some(last) = first.last()
        {
            let end = last.as_ptr().addr() - text.as_ptr().addr() + last.len();
            self.out.truncate(start + end);
        }
    }

    fn write_waiting(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            self.out.push_str(" <");
            self.out.push_str(waiting.target.shown());
            self.out.push('>');
        }
    }

    /// Returns the whole text.
    pub(super) fn finish(mut self) -> String {
        self.write_waiting();
        self.out
    }
}

/// Whether a character is a blank. Adjacent blanks collapse into one.
fn is_blank(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t' | '\n' | '\r' | '\x0c' | '\u{a0}' | '\u{2000}'
            ..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}'
    )
}

/// Whether a character has a visible shape. False for blanks, control characters, soft hyphens, and
/// the invisible characters that senders use to pad preview texts.
pub(super) fn is_visible(c: char) -> bool {
    let is_shapeless = matches!(
        c,
        '\0'..='\x08'
            | '\x0b'
            | '\x0e'..='\x1f'
            | '\x7f'..='\u{9f}'
            | '\u{ad}'
            | '\u{34f}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200d}'
            | '\u{2060}'..='\u{2064}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
    );
    !is_shapeless && !is_blank(c)
}
