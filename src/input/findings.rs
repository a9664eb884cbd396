//! Records what the reader of a list skipped, changed or found unusual: for each kind of finding
//! the count, the first places, and a fix.

/// The number of places named for each kind of finding. Further places are only counted.
const PLACES: usize = 3;

/// A kind of finding. A finding does not stop the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Lines before the header: a title, notes or comments.
    Preamble,
    /// Excel's `sep=` line.
    Separator,
    /// The first line contains an address, so there is no header.
    NoHeader,
    /// The header follows a mark such as `#`.
    MarkedHeader,
    /// Rows between the header and the first recipient that describe the columns or repeat the
    /// header.
    HeaderRows,
    /// Rows whose address follows a mark that strikes the row out.
    Struck,
    /// Lines of a single text after the rows, such as totals and copyright notes.
    Footer,
    /// Rows without any value.
    Blank,
    /// Rows with fewer cells than the header, which were filled with empty cells.
    Short,
    /// Rows with empty cells beyond the header, which were dropped.
    Surplus,
    /// Cells such as `="00123"`.
    Formula,
    /// Cells whose text was encoded twice.
    TwiceEncoded,
    /// Addresses with invisible characters at the beginning or end.
    UnseenEnds,
    /// Rows that have another length than most rows, in a list whose rows are mostly shorter than
    /// the header.
    OddLength,
    /// Rows that begin with a mark, which the reader treats as part of the text.
    MarkedNames,
    /// Cells with a formula, which the reader does not evaluate.
    OtherFormula,
    /// Cells with U+FFFD, which replaces a lost character.
    Lost,
    /// Entries of a suppression import that are valid but often a mistake.
    OddEntry,
    /// Rows with values beyond the last column of the header.
    Beyond,
    /// The address column, if the reader chose it by its values.
    ByContent,
}

impl Kind {
    const ALL: [Self; 20] = [
        Self::Preamble,
        Self::Separator,
        Self::NoHeader,
        Self::MarkedHeader,
        Self::HeaderRows,
        Self::Struck,
        Self::Footer,
        Self::Blank,
        Self::Short,
        Self::Surplus,
        Self::Formula,
        Self::TwiceEncoded,
        Self::UnseenEnds,
        Self::OddLength,
        Self::MarkedNames,
        Self::OtherFormula,
        Self::Lost,
        Self::OddEntry,
        Self::Beyond,
        Self::ByContent,
    ];

    /// Returns the name used in JSON.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Preamble => "lines_before_header",
            Self::Separator => "sep_line",
            Self::NoHeader => "no_header",
            Self::MarkedHeader => "marked_header",
            Self::HeaderRows => "header_rows",
            Self::Struck => "struck_out",
            Self::Footer => "footer_line",
            Self::Blank => "blank_row",
            Self::Short => "short_row",
            Self::Surplus => "surplus_cells",
            Self::Formula => "formula_cell",
            Self::TwiceEncoded => "encoded_twice",
            Self::UnseenEnds => "unseen_ends",
            Self::OddLength => "odd_length",
            Self::MarkedNames => "marked_names",
            Self::OtherFormula => "other_formula",
            Self::Lost => "lost_character",
            Self::OddEntry => "odd_entry",
            Self::Beyond => "unnamed_columns",
            Self::ByContent => "column_by_content",
        }
    }

    /// Returns the description shown in a table.
    pub const fn what(self) -> &'static str {
        match self {
            Self::Preamble => "lines before the header are skipped",
            Self::Separator => "Excel's sep= line is skipped",
            Self::NoHeader => {
                "the list has no header: the first line is a recipient, and only the column email has a name"
            }
            Self::MarkedHeader => "the header is behind a mark such as #, which is removed",
            Self::HeaderRows => {
                "rows below the header that describe columns or repeat it are skipped"
            }
            Self::Struck => "rows struck out by #, //, --, * or ! are left out and not mailed",
            Self::Footer => {
                "lines of one text without an address, below an empty line, are skipped"
            }
            Self::Blank => "rows without any value are skipped",
            Self::Short => "rows with fewer fields than the header are filled with empty cells",
            Self::Surplus => "rows with empty cells beyond the header's columns lose those",
            Self::Formula => "cells such as =\"00123\" are read as 00123",
            Self::TwiceEncoded => "cells with text that was encoded twice, such as MÃ¼ller",
            Self::UnseenEnds => {
                "addresses with invisible characters at an end, which are taken off"
            }
            Self::OddLength => {
                "rows with another number of fields than most rows: a cell may be missing or cut in two"
            }
            Self::MarkedNames => {
                "rows that begin with a mark, as nearly all do or the first rows do, are taken as recipients"
            }
            Self::OtherFormula => {
                "cells with a spreadsheet's formula, such as =A1&B1, are used as written"
            }
            Self::Lost => {
                "cells with U+FFFD, which replaces a character lost in an earlier conversion"
            }
            Self::Beyond => {
                "rows with values beyond the last column of the header: values in unnamed columns are dropped"
            }
            Self::ByContent => "no column is called email; the only one with addresses is taken",
            Self::OddEntry => {
                "entries that may be cut off or misspelt (a domain without a dot, an unusual character) are used as written"
            }
        }
    }

    /// Returns the hint on how to fix the list.
    pub const fn fix(self) -> &'static str {
        match self {
            Self::Preamble => "delete the lines, or set their number with --skip-lines N",
            Self::Separator => "no change is needed; --delimiter also sets the delimiter",
            Self::NoHeader => "name the columns in a first line, e.g. email,first_name",
            Self::MarkedHeader => "delete the mark",
            Self::HeaderRows => "delete the rows",
            Self::Struck => "delete the rows, or delete only the marks to mail these people",
            Self::Footer => "delete the lines",
            Self::Blank => "nothing to do",
            Self::Short => "if a cell is missing in the middle of a row, correct the row",
            Self::Surplus => "nothing to do",
            Self::Formula => "nothing to do",
            Self::TwiceEncoded => "export the list again as UTF-8, encoded only once",
            Self::UnseenEnds => "nothing to do",
            Self::OddLength => "compare these rows with their neighbours, and correct them",
            Self::OtherFormula => "export the values instead of the formulas",
            Self::Lost => "export the list again as UTF-8 from a source with the original text",
            Self::Beyond => "name these columns in the header if the message uses them",
            Self::ByContent => {
                "no change is needed if that column is right; otherwise name one: --email-column COLUMN"
            }
            Self::OddEntry => "correct the entries; no change is needed if they are right",
            Self::MarkedNames => {
                "delete the rows if the mark strikes them out; no change is needed if it is part of their text"
            }
        }
    }

    /// Returns whether a finding of this kind affects who is mailed. Such a finding is shown even
    /// under `-q`.
    pub const fn changes_who(self) -> bool {
        matches!(
            self,
            Self::Preamble
                | Self::NoHeader
                | Self::HeaderRows
                | Self::Struck
                | Self::Footer
                | Self::OddLength
                | Self::MarkedNames
                | Self::OddEntry
                | Self::ByContent
        )
    }
}

/// The findings of one list, by kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    /// The name of the list.
    name: String,
    found: [(u64, Vec<u64>); Kind::ALL.len()],
}

impl Findings {
    /// Creates the findings of the list with this name.
    pub(super) fn of(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Counts a finding on this line. If the finding affects who is mailed, it is also logged.
    pub(super) fn add(&mut self, kind: Kind, line: u64) {
        if kind.changes_who() {
            tracing::info!("{}:{line}: {}", self.name, kind.what());
        }
        let (count, places) = &mut self.found[kind as usize];
        *count += 1;
        if places.len() < PLACES {
            places.push(line);
        }
    }

    /// Counts `count` findings at once. `lines` contains the lines of the first ones.
    pub(super) fn add_all(&mut self, kind: Kind, lines: &[u64], count: u64) {
        lines.iter().for_each(|line| self.add(kind, *line));
        self.found[kind as usize].0 += count.saturating_sub(lines.len() as u64);
    }

    /// Returns the findings in the order of their kinds.
    pub(super) fn all(&self, list: &str) -> Vec<Finding> {
        let kinds = Kind::ALL.into_iter().zip(&self.found).filter(|(_, (count, _))| *count > 0);
        let finding = |(kind, (count, places)): (Kind, &(u64, Vec<u64>))| Finding {
            kind,
            count: *count,
            places: places.iter().map(|line| format!("{list}:{line}")).collect(),
        };
        kinds.map(finding).collect()
    }
}

/// All findings of one kind in one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub kind: Kind,
    pub count: u64,
    /// The first places, for example `list.csv:3`.
    pub places: Vec<String>,
}

/// Writes one line for the operator: the description, the number of findings, and the first places.
impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let more = if self.count > self.places.len() as u64 { ", …" } else { "" };
        write!(f, "{} ({}): {}{more}", self.kind.what(), self.count, self.places.join(", "))
    }
}
