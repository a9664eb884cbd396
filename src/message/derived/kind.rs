//! The role of each HTML element in the text part.

/// How an element is written in the text part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Inline,
    Link,
    /// An `area` of an image map: a link without content.
    Area,
    Image,
    Break,
    /// An `hr`: a horizontal rule.
    Rule,
    /// Begins on a new line and ends its last line.
    Block,
    /// Has a blank line before and after it.
    Paragraph,
    Quote,
    Preformatted,
    Bullets,
    Numbers,
    Item,
    Term,
    Definition,
    Table,
    RowGroup,
    Row,
    Cell,
    HeaderCell,
    Caption,
    /// A `q`, written in quotation marks.
    Quoted,
    /// Skipped together with its content.
    Unread,
    /// The tags are ignored; the content is read.
    Transparent,
}

impl Kind {
    /// Returns the kind of an element. `name` is in lower case.
    pub(super) fn of(name: &str) -> Self {
        match name {
            "a" => Self::Link,
            "area" => Self::Area,
            "img" | "image" => Self::Image,
            "br" => Self::Break,
            "hr" => Self::Rule,
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "dl" | "figure" => Self::Paragraph,
            "address" | "article" | "aside" | "center" | "details" | "dialog" | "div"
            | "fieldset" | "figcaption" | "footer" | "form" | "header" | "hgroup" | "legend"
            | "main" | "marquee" | "nav" | "section" | "summary" | "optgroup" => Self::Block,
            "blockquote" => Self::Quote,
            "pre" | "listing" | "xmp" | "plaintext" => Self::Preformatted,
            "ul" | "menu" | "dir" => Self::Bullets,
            "ol" => Self::Numbers,
            "li" => Self::Item,
            "dt" => Self::Term,
            "dd" => Self::Definition,
            "table" => Self::Table,
            "thead" | "tbody" | "tfoot" => Self::RowGroup,
            "tr" => Self::Row,
            "td" => Self::Cell,
            "th" => Self::HeaderCell,
            "caption" => Self::Caption,
            "q" => Self::Quoted,
            "script" | "style" | "title" | "textarea" | "iframe" | "noembed" | "noframes"
            | "template" | "svg" | "xml" | "select" | "datalist" | "object" | "applet" => {
                Self::Unread
            }
            "html" | "head" | "body" | "colgroup" => Self::Transparent,
            _ => Self::Inline,
        }
    }

    /// Whether the start of this element ends an open `p`.
    pub(super) fn ends_a_paragraph(self) -> bool {
        matches!(
            self,
            Self::Rule
                | Self::Block
                | Self::Paragraph
                | Self::Quote
                | Self::Preformatted
                | Self::Bullets
                | Self::Numbers
                | Self::Item
                | Self::Term
                | Self::Definition
                | Self::Table
        )
    }

    /// Whether the element's content is written on separate lines.
    pub(super) fn makes_lines(self) -> bool {
        self.ends_a_paragraph() && !matches!(self, Self::Rule | Self::Table)
            || self == Self::Caption
    }

    pub(super) fn is_cell(self) -> bool {
        matches!(self, Self::Cell | Self::HeaderCell)
    }

    /// Whether end tags inside this element end no element outside it.
    pub(super) fn is_wall(self) -> bool {
        self.is_cell() || matches!(self, Self::Table | Self::Caption)
    }

    pub(super) fn is_list(self) -> bool {
        matches!(self, Self::Bullets | Self::Numbers)
    }
}

/// Whether an element is void: it has neither content nor an end tag.
pub(super) fn is_empty(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "basefont"
            | "bgsound"
            | "br"
            | "col"
            | "embed"
            | "frame"
            | "hr"
            | "image"
            | "img"
            | "input"
            | "keygen"
            | "link"
            | "meta"
            | "param"
            | "source"
            | "track"
            | "wbr"
    )
}
