//! Collects facts about each element before the text is written: whether it is shown, and what it
//! contains.

use super::flow::is_visible;
use super::hidden::{Display, Rules, Style, WhiteSpace};
use super::kind::Kind;
use super::tree::{Content, Element, NONE, Tree};

/// The most characters of a row in a layout table whose cells are written on one line.
const LONGEST_ROW: u32 = 120;
/// If a border is the only sign that a table holds data, the table's cells must have fewer
/// characters than this on average. Longer cells are the paragraphs of a page.
const LONG_CELL: u32 = 120;

/// Facts about one node. Counts include all visible descendants.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Summary {
    pub(super) is_hidden: bool,
    /// Whether the font size is zero.
    is_sizeless: bool,
    pub(super) style: Style,
    /// How text in the node keeps white space.
    pub(super) white_space: Space,
    /// The number of visible characters, including the alternative texts of pictures.
    pub(super) length: u32,
    pub(super) pictures: u32,
    /// The number of pictures whose alternative text has words.
    named_pictures: u32,
    links: u32,
    /// The number of elements with text that begin a line and contain no other element that does.
    lines: u32,
    breaks: u32,
    tables: u32,
    /// This and the counts below are for the table that the node is or belongs to. Cells and header
    /// cells count if they have text. `full_rows` counts the rows with more than one such cell.
    cells: u32,
    header_cells: u32,
    rows: u32,
    full_rows: u32,
    has_head: bool,
}

/// [`WhiteSpace`] whose default is `Collapsed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Space(pub(super) WhiteSpace);

impl Default for Space {
    fn default() -> Self {
        Self(WhiteSpace::Collapsed)
    }
}

/// How the cells of a row are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// Each cell as a separate paragraph.
    Paragraphs,
    /// Each cell on a separate line.
    Lines,
    /// All cells on one line. The string separates the cells that have content.
    Joined(&'static str),
    /// All cells on one line. The string separates all cells, including empty ones.
    Data(&'static str),
}

/// Returns a picture's alternative text if it is useful in the text part. `None` for an empty text,
/// a file name, or the text of a picture of at most one pixel.
pub(super) fn alternative(picture: &Element) -> Option<&str> {
    let alt = picture.attribute("alt")?.trim();
    let is_dot = |name| picture.attribute(name).is_some_and(|v| matches!(v.trim(), "0" | "1"));
    if !alt.contains(is_visible) || (is_dot("width") && is_dot("height")) {
        return None;
    }
    let suffix = alt.rsplit_once('.').map_or("", |(_, suffix)| suffix);
    let is_file = !alt.contains(' ')
        && ["png", "jpg", "jpeg", "gif", "svg", "webp"]
            .iter()
            .any(|known| suffix.eq_ignore_ascii_case(known));
    (!is_file).then_some(alt)
}

/// Whether a text contains a letter or digit. Private-use characters count, because they stand for
/// values.
pub(super) fn has_words(text: &str) -> bool {
    text.contains(|c: char| {
        c.is_alphanumeric() || matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}')
    })
}

/// Returns the summary of every node.
pub(super) fn of(tree: &Tree) -> Vec<Summary> {
    let rules = Rules::of(&tree.css);
    let mut all = vec![Summary::default(); tree.nodes.len()];
    // Parents precede their children.
    for (at, node) in tree.nodes.iter().enumerate() {
        let above = if node.parent == NONE { Summary::default() } else { all[node.parent] };
        all[at] = from_above(tree, at, above, &rules);
    }
    for at in (1..tree.nodes.len()).rev() {
        let own = all[at];
        if own.is_hidden {
            continue;
        }
        let (own, up) = from_below(tree.element(at), own);
        all[at] = own;
        let parent = &mut all[tree.nodes[at].parent];
        parent.length = parent.length.saturating_add(own.length);
        parent.pictures += own.pictures;
        parent.named_pictures += own.named_pictures;
        parent.links += own.links;
        parent.lines += own.lines;
        parent.breaks += own.breaks;
        parent.tables += own.tables;
        parent.cells += up.cells;
        parent.header_cells += up.header_cells;
        parent.rows += up.rows;
        parent.full_rows += up.full_rows;
        parent.has_head |= up.has_head;
    }
    all
}

/// Returns what a node inherits from its parent, combined with its own attributes or text.
fn from_above(tree: &Tree, at: usize, above: Summary, rules: &Rules) -> Summary {
    let mut own = Summary {
        is_hidden: above.is_hidden,
        is_sizeless: above.is_sizeless,
        white_space: above.white_space,
        ..Summary::default()
    };
    match &tree.nodes[at].content {
        Content::Text { start, end } => {
            own.is_hidden |= own.is_sizeless;
            if !own.is_hidden {
                let visible = tree.text[*start..*end].chars().filter(|c| is_visible(*c)).count();
                own.length = u32::try_from(visible).unwrap_or(u32::MAX);
            }
        }
        Content::Element(element) => {
            own.style = element.attribute("style").map(Style::of).unwrap_or_default();
            own.is_hidden |= element.kind == Kind::Unread || rules.hide(element, own.style);
            // A class may set the font size again.
            own.is_sizeless = match own.style.has_size {
                Some(has_size) => !has_size,
                None => own.is_sizeless && element.attribute("class").is_none(),
            };
            if element.kind == Kind::Preformatted {
                own.white_space = Space(WhiteSpace::Kept);
            }
            if let Some(space) = own.style.white_space {
                own.white_space = Space(space);
            }
        }
    }
    own
}

/// Completes a node's summary after all its descendants have been counted. Returns the summary, and
/// the counts that the node adds to those of the enclosing table.
fn from_below(element: Option<&Element>, mut own: Summary) -> (Summary, Summary) {
    let Some(element) = element else { return (own, Summary::default()) };
    let mut up = own;
    match element.kind {
        Kind::Image => {
            own.pictures = 1;
            if let Some(alt) = alternative(element) {
                own.length = u32::try_from(alt.chars().count()).unwrap_or(u32::MAX);
                own.named_pictures = u32::from(has_words(alt));
            }
        }
        Kind::Link if own.length > 0 || own.pictures > 0 => own.links += 1,
        Kind::Break => own.breaks = 1,
        Kind::Table => {
            own.tables += 1;
            up = Summary::default();
        }
        Kind::Cell => up.cells += u32::from(own.length > 0),
        Kind::HeaderCell => up.header_cells += u32::from(own.length > 0),
        Kind::Row => {
            up.rows += 1;
            up.full_rows += u32::from(own.cells + own.header_cells > 1);
        }
        Kind::Caption => up.has_head |= own.length > 0,
        Kind::RowGroup => {
            up.has_head |= &*element.name == "thead" && own.cells + own.header_cells > 0;
        }
        _ => {}
    }
    let is_line = element.kind.makes_lines() || own.style.display == Some(Display::Block);
    if is_line && own.length > 0 && own.lines == 0 {
        own.lines = 1;
    }
    (own, up)
}

impl Summary {
    /// Whether a table holds data. Other tables are used for page layout.
    pub(super) fn is_data(&self, table: &Element) -> bool {
        let role = table.attribute("role").map(str::trim).unwrap_or_default();
        // `tables` includes this table.
        if matches!(role, "presentation" | "none") || self.tables > 1 {
            return false;
        }
        let has_border =
            table.attribute("border").is_some_and(|border| !matches!(border.trim(), "" | "0"));
        let cells = self.cells + self.header_cells;
        matches!(role, "table" | "grid")
            || (self.has_head && self.full_rows > 0)
            || (self.header_cells > 0 && self.cells > 0 && self.rows > 1 && self.full_rows > 0)
            || (has_border && self.full_rows > 0 && self.length / cells.max(1) < LONG_CELL)
    }

    /// Chooses how the cells of a row in a layout table are written. `first` is the beginning of
    /// the first cell's text.
    pub(super) fn row(&self, cells: &[Self], first: &str) -> Row {
        let is_plain = |cell: &Self| cell.lines <= 1 && cell.breaks == 0 && cell.tables == 0;
        if cells.len() < 2 || !cells.iter().all(is_plain) {
            return Row::Paragraphs;
        }
        if self.links > 1 || self.named_pictures > 0 && self.length <= LONGEST_ROW {
            return Row::Lines;
        }
        if self.length > LONGEST_ROW {
            return Row::Paragraphs;
        }
        let number = first.trim_end_matches(['.', ')', ':']);
        let is_number = number.len() <= 2 && number.bytes().all(|byte| byte.is_ascii_digit());
        Row::Joined(if is_number || !has_words(first) { " " } else { " | " })
    }

    /// Whether the node has visible text or a picture.
    pub(super) fn is_full(&self) -> bool {
        !self.is_hidden && (self.length > 0 || self.pictures > 0)
    }
}
