//! Lines of text under construction: blanks, line breaks, what lines begin with, links.
//!
//! The rule it keeps: no line ends in a blank, and no more than one blank line stands between two
//! others, whatever is asked for.

use super::hidden::WhiteSpace;
use super::link::{self, Target};

/// The most marks that a line begins with.
const MOST_MARKS: usize = 12;

/// What the lines of a quotation or of an item of a list begin with.
#[derive(Debug)]
struct Mark {
    /// Instead of `rest` on the first line.
    first: Option<String>,
    rest: String,
}

/// A link that is being written.
#[derive(Debug)]
struct OpenLink {
    target: Target,
    /// Where its text begins, and where the text before it ends; `None` until there is any.
    start: Option<(usize, usize)>,
}

/// A link whose text has been written, and whose URL waits for what follows: for the same link
/// again it is written once.
#[derive(Debug)]
struct Waiting {
    target: Target,
    /// Its text.
    start: usize,
    end: usize,
}

/// Text under construction.
#[derive(Debug, Default)]
pub(super) struct Flow {
    out: String,
    /// The line breaks that come before the next word: none, one, or two with a blank line.
    breaks: usize,
    /// How many blanks come before it.
    blanks: usize,
    /// What joins letters, if the next character is one.
    joiner: Option<char>,
    /// The marks between the cells of a row that come before it.
    cells: usize,
    between_cells: &'static str,
    marks: Vec<Mark>,
    marks_left_out: usize,
    /// How many of the marks are in force both on the last line and from here on.
    shared_marks: usize,
    /// How many of the elements around keep everything on one line.
    one_line: usize,
    link: Option<OpenLink>,
    waiting: Option<Waiting>,
}

impl Flow {
    /// Begins a new line, unless there is one, after a blank line for `apart` of 2.
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

    /// An author's line break.
    pub(super) fn line_break(&mut self) {
        self.apart((self.breaks + 1).min(2));
    }

    /// Keeps what follows on one line, until `end_one_line`.
    pub(super) fn begin_one_line(&mut self) {
        self.one_line += 1;
    }

    pub(super) fn end_one_line(&mut self) {
        self.one_line -= 1;
    }

    /// The next word is of the next cell of a row.
    pub(super) fn next_cell(&mut self, between: &'static str) {
        self.cells += 1;
        self.between_cells = between;
    }

    /// Begins lines with `rest`, and the first with `first`.
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

    /// Writes text as an element with this `white-space` shows it.
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

    /// Writes a word after what is to come before it.
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

    /// A rule across the text.
    pub(super) fn rule(&mut self) {
        self.apart(2);
        if self.one_line == 0 {
            self.word("---");
            self.apart(2);
        }
    }

    /// What is written from here is the text of a link, until `end_link`.
    pub(super) fn begin_link(&mut self, target: Target) {
        self.link = Some(OpenLink { target, start: None });
    }

    /// Whether a link has begun and not ended.
    pub(super) fn is_in_link(&self) -> bool {
        self.link.is_some()
    }

    /// Ends a link. One of a picture that has no text is written by its URL.
    pub(super) fn end_link(&mut self, has_picture: bool) {
        if has_picture && self.link.as_ref().is_some_and(|link| link.start.is_none()) {
            let repeats = self.waiting.as_ref().map(|waiting| &waiting.target)
                == self.link.as_ref().map(|link| &link.target);
            if let Some(link) = self.link.take().filter(|_| !repeats) {
                self.word(&format!("<{}>", link.target.shown()));
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

    /// Takes off the second of two equal texts of one link, of a picture and its title.
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

    /// The whole text.
    pub(super) fn finish(mut self) -> String {
        self.write_waiting();
        self.out
    }
}

/// Whether a character is a blank that others swallow.
fn is_blank(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t' | '\n' | '\r' | '\x0c' | '\u{a0}' | '\u{2000}'
            ..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}'
    )
}

/// Whether a character is neither a blank nor one without a shape of its own: those that previews
/// are filled up with, and soft hyphens.
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
