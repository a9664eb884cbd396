//! Writes the text of a tree in one walk without recursion.

use super::flow::Flow;
use super::hidden::{Display, WhiteSpace};
use super::kind::Kind;
use super::link::Target;
use super::summary::{self, Row, Summary};
use super::tree::{Content, Element, NONE, Tree};

/// The most characters of an `inline-table` that is written on one line.
const LONGEST_INLINE_TABLE: u32 = 80;
/// The number of characters at the beginning of a cell that decide whether it is a bullet or a
/// number.
const BULLET: usize = 8;
/// The most nodes of a cell that are searched for those characters.
const LOOKED_AT: usize = 64;

/// Returns the text of a tree.
pub(super) fn text(tree: &Tree) -> String {
    let summaries = summary::of(tree);
    let mut writer = Writer {
        tree,
        summaries: &summaries,
        flow: Flow::default(),
        entered: Vec::new(),
        lists: Vec::new(),
        rows: Vec::new(),
        tables: Vec::new(),
    };
    writer.name_targets();
    writer.walk();
    writer.flow.finish()
}

/// What must be done at the end of an element.
#[derive(Clone, Copy, Debug, Default)]
struct Entered {
    below: usize,
    has_mark: bool,
    is_one_line: bool,
    is_link: bool,
    is_quoted: bool,
    is_list: bool,
    is_row: bool,
    is_table: bool,
}

/// A list whose items are being written.
struct List {
    /// The number of the next item. `None` if the list is not numbered.
    number: Option<i64>,
    step: i64,
    has_bullets: bool,
}

/// A row whose cells are being written.
struct CurrentRow {
    how: Row,
    /// Whether a cell of the row has been written. Empty cells count only in `Row::Data`.
    has_cells: bool,
}

struct Writer<'a> {
    tree: &'a Tree,
    summaries: &'a [Summary],
    flow: Flow,
    entered: Vec<Entered>,
    lists: Vec<List>,
    rows: Vec<CurrentRow>,
    /// For each enclosing table, whether it holds data (`true`) or is used for layout (`false`).
    tables: Vec<bool>,
}

impl Writer<'_> {
    /// Records the targets of all links that have words.
    fn name_targets(&mut self) {
        for (node, summary) in self.tree.nodes.iter().zip(self.summaries) {
            let Content::Element(element) = &node.content else { continue };
            let has_words = match element.kind {
                Kind::Link => summary.length > 0,
                Kind::Area => summary::has_words(element.attribute("alt").unwrap_or_default()),
                _ => false,
            };
            if has_words
                && !summary.is_hidden
                && let Some(target) = element.attribute("href").and_then(Target::of)
            {
                self.flow.name(&target);
            }
        }
    }

    fn walk(&mut self) {
        let mut at = self.tree.nodes[0].first;
        while at != NONE && at != 0 {
            let is_entered = self.enter(at);
            let node = &self.tree.nodes[at];
            if is_entered && node.first != NONE {
                at = node.first;
                continue;
            }
            if is_entered {
                self.leave(at);
            }
            at = self.behind(at);
        }
    }

    /// Returns the node to visit after `at`. Leaves the elements that end in between.
    fn behind(&mut self, mut at: usize) -> usize {
        loop {
            let node = &self.tree.nodes[at];
            if node.next != NONE {
                return node.next;
            }
            at = node.parent;
            if at == 0 || at == NONE {
                return NONE;
            }
            self.leave(at);
        }
    }

    /// Begins a node. Returns false if its content is not to be written.
    fn enter(&mut self, at: usize) -> bool {
        let summary = self.summaries[at];
        if summary.is_hidden {
            return false;
        }
        let tree = self.tree;
        match &tree.nodes[at].content {
            Content::Text { start, end } => {
                self.flow.text(&tree.text[*start..*end], summary.white_space.0);
                false
            }
            Content::Element(element) => self.enter_element(at, element, summary),
        }
    }

    fn enter_element(&mut self, at: usize, element: &Element, summary: Summary) -> bool {
        let mut entered = Entered::default();
        match element.kind {
            Kind::Break => {
                self.flow.line_break();
                return false;
            }
            Kind::Rule => {
                self.flow.rule();
                return false;
            }
            Kind::Image => {
                self.image(element);
                return false;
            }
            Kind::Area => {
                self.area(element);
                return false;
            }
            Kind::Link => {
                if let Some(target) = element.attribute("href").and_then(Target::of) {
                    self.flow.begin_link(target);
                    entered.is_link = true;
                }
            }
            Kind::Quoted => {
                self.flow.text("\u{201c}", WhiteSpace::Collapsed);
                entered.is_quoted = true;
            }
            Kind::Quote => self.begin_marked(&mut entered, 2, "> "),
            Kind::Definition => self.begin_marked(&mut entered, 1, "  "),
            Kind::Paragraph | Kind::Block if summary.style.display == Some(Display::Inline) => {}
            Kind::Paragraph | Kind::Preformatted => self.begin_apart(&mut entered, 2),
            Kind::Block | Kind::Term | Kind::Caption => self.begin_apart(&mut entered, 1),
            Kind::Bullets | Kind::Numbers => self.begin_list(&mut entered, at, element, summary),
            Kind::Item => self.begin_item(&mut entered, element),
            Kind::Table => self.begin_table(&mut entered, element, summary),
            Kind::Row => self.begin_row(&mut entered, at, summary),
            Kind::Cell | Kind::HeaderCell => self.begin_cell(&mut entered, summary),
            Kind::Inline | Kind::RowGroup | Kind::Transparent => {}
            Kind::Unread => return false,
        }
        if summary.style.display == Some(Display::Block) && !element.kind.is_cell() {
            let apart = entered.below.max(1);
            self.begin_apart(&mut entered, apart);
        }
        self.entered.push(entered);
        true
    }

    fn leave(&mut self, at: usize) {
        let Some(entered) = self.entered.pop() else { return };
        if entered.is_link {
            self.flow.end_link(self.summaries[at].pictures > 0);
        }
        if entered.is_quoted {
            self.flow.text("\u{201d}", WhiteSpace::Collapsed);
        }
        if entered.is_one_line {
            self.flow.end_one_line();
        }
        if entered.is_list {
            self.lists.pop();
        }
        if entered.is_row {
            self.rows.pop();
        }
        if entered.is_table {
            self.tables.pop();
        }
        // The mark ends first: the blank line below a quotation is not part of the quotation.
        if entered.has_mark {
            self.flow.pop_mark();
        }
        self.flow.apart(entered.below);
    }

    fn begin_apart(&mut self, entered: &mut Entered, apart: usize) {
        self.flow.apart(apart);
        entered.below = apart;
    }

    fn begin_marked(&mut self, entered: &mut Entered, apart: usize, mark: &str) {
        self.begin_apart(entered, apart);
        self.flow.push_mark(None, mark.to_owned());
        entered.has_mark = true;
    }

    fn begin_list(&mut self, entered: &mut Entered, at: usize, list: &Element, summary: Summary) {
        let apart = if self.lists.is_empty() { 2 } else { 1 };
        self.begin_apart(entered, apart);
        let number = |name| list.attribute(name).and_then(|text| text.trim().parse::<i64>().ok());
        let is_reversed = list.attribute("reversed").is_some();
        let number = (list.kind == Kind::Numbers).then(|| {
            number("start").unwrap_or_else(|| if is_reversed { self.items(at) } else { 1 })
        });
        let has_bullets = !summary.style.has_no_bullets;
        self.lists.push(List { number, step: if is_reversed { -1 } else { 1 }, has_bullets });
        entered.is_list = true;
    }

    /// Returns the number of items in a list.
    fn items(&self, list: usize) -> i64 {
        self.children(list)
            .fold(0, |items, (element, _)| items + i64::from(element.kind == Kind::Item))
    }

    fn begin_item(&mut self, entered: &mut Entered, item: &Element) {
        self.begin_apart(entered, 1);
        let mark = match self.lists.last_mut() {
            Some(List { has_bullets: false, .. }) => return,
            Some(List { number: Some(number), step, .. }) => {
                let own = item.attribute("value").and_then(|value| value.trim().parse().ok());
                let this = own.unwrap_or(*number);
                *number = this.saturating_add(*step);
                format!("{this}. ")
            }
            _ => "- ".to_owned(),
        };
        let rest = " ".repeat(mark.len());
        self.flow.push_mark(Some(mark), rest);
        entered.has_mark = true;
    }

    fn begin_table(&mut self, entered: &mut Entered, table: &Element, summary: Summary) {
        let is_data = summary.is_data(table);
        let is_inline = summary.style.display == Some(Display::InlineTable)
            && summary.length <= LONGEST_INLINE_TABLE
            && !is_data;
        self.begin_apart(entered, if is_inline { 1 } else { 2 });
        if is_inline {
            self.flow.begin_one_line();
            entered.is_one_line = true;
        }
        self.tables.push(is_data);
        entered.is_table = true;
    }

    /// Iterates over the child elements of an element.
    fn children(&self, of: usize) -> impl Iterator<Item = (&Element, usize)> {
        let first = Some(self.tree.nodes[of].first).filter(|at| *at != NONE);
        let next = |at: &usize| Some(self.tree.nodes[*at].next).filter(|at| *at != NONE);
        std::iter::successors(first, next)
            .filter_map(|at| self.tree.element(at).map(|element| (element, at)))
    }

    fn begin_row(&mut self, entered: &mut Entered, at: usize, summary: Summary) {
        let how = if self.tables.last() == Some(&true) {
            Row::Data(" | ")
        } else {
            let cells: Vec<(Summary, usize)> = self
                .children(at)
                .map(|(_, cell)| (self.summaries[cell], cell))
                .filter(|(cell, _)| cell.is_full())
                .collect();
            let first = cells.first().map(|(_, cell)| self.beginning(*cell)).unwrap_or_default();
            let cells: Vec<Summary> = cells.into_iter().map(|(cell, _)| cell).collect();
            summary.row(&cells, &first)
        };
        let is_tight = matches!(how, Row::Joined(_) | Row::Data(_));
        self.begin_apart(entered, if is_tight { 1 } else { 2 });
        self.rows.push(CurrentRow { how, has_cells: false });
        entered.is_row = true;
    }

    /// Returns the beginning of an element's text.
    fn beginning(&self, of: usize) -> String {
        let mut text = String::new();
        // Nodes are in document order: an element's descendants follow it directly.
        let inside = self.tree.nodes[of + 1..].iter().take(LOOKED_AT);
        for (at, node) in (of + 1..).zip(inside.take_while(|node| node.parent >= of)) {
            if let (Content::Text { start, end }, false) =
                (&node.content, self.summaries[at].is_hidden)
            {
                text.push_str(self.tree.text[*start..*end].trim());
            }
            if text.chars().nth(BULLET).is_some() {
                break;
            }
        }
        text
    }

    fn begin_cell(&mut self, entered: &mut Entered, summary: Summary) {
        let Some(row) = self.rows.last_mut() else { return };
        let is_next = row.has_cells;
        row.has_cells |= summary.is_full() || matches!(row.how, Row::Data(_));
        match row.how {
            Row::Paragraphs => self.begin_apart(entered, 2),
            Row::Lines => self.begin_apart(entered, 1),
            Row::Joined(between) | Row::Data(between) => {
                if is_next && (summary.is_full() || matches!(row.how, Row::Data(_))) {
                    self.flow.next_cell(between);
                }
                self.flow.begin_one_line();
                entered.is_one_line = true;
            }
        }
    }

    fn image(&mut self, picture: &Element) {
        let Some(alt) = summary::alternative(picture) else { return };
        if self.flow.is_in_link() || !summary::has_words(alt) {
            self.flow.text(alt, WhiteSpace::Collapsed);
        } else {
            self.flow.picture(alt);
        }
    }

    /// Writes a linked area of an image map.
    fn area(&mut self, area: &Element) {
        let target = area.attribute("href").and_then(Target::of);
        let alt = area.attribute("alt").unwrap_or_default();
        if let Some(target) = target.filter(|_| summary::has_words(alt)) {
            self.flow.apart(1);
            self.flow.begin_link(target);
            self.flow.text(alt, WhiteSpace::Collapsed);
            self.flow.end_link(false);
            self.flow.apart(1);
        }
    }
}
