//! Lists of recipients and suppression files of any length, the same on every machine.
//!
//! The rule it keeps: a file is made once and is on the disk, not only in the page cache, before
//! anything is measured with it.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The columns of a list.
pub(crate) const COLUMNS: [&str; 6] = ["email", "id", "name", "company", "city", "plan"];

const NAMES: [&str; 8] = [
    "Anna Berg",
    "Ben Okafor",
    "Clara Moreau",
    "David Lindqvist",
    "Elena Rossi",
    "Farid Haddad",
    "Grace Kim",
    "Hugo Silva",
];
const COMPANIES: [&str; 5] =
    ["Acme Ltd", "Northwind", "Bluebird & Sons", "Granite Works", "Harbour Foods"];
const CITIES: [&str; 6] = ["Aarhus", "Bristol", "Cordoba", "Dresden", "Espoo", "Florence"];
const PLANS: [&str; 3] = ["basic", "team", "enterprise"];

/// The list with `rows` rows in `dir`, made if it is not there yet.
pub(crate) fn recipients(dir: &Path, rows: u64) -> io::Result<PathBuf> {
    make(dir.join(format!("list-{rows}.csv")), |file| {
        writeln!(file, "{}", COLUMNS.join(","))?;
        for row in 0..rows {
            let place = row as usize;
            let (name, company) = (NAMES[place % NAMES.len()], COMPANIES[place % COMPANIES.len()]);
            let (city, plan) = (CITIES[place % CITIES.len()], PLANS[place % PLANS.len()]);
            writeln!(
                file,
                "user{row}@dest{}.example,{row},{name},{company} {},{city},{plan}",
                row % 997,
                row % 5_000
            )?;
        }
        Ok(())
    })
}

/// The suppression file with `entries` bare addresses in `dir`, made if it is not there yet. Nobody
/// in it is in a list of [`recipients`].
pub(crate) fn suppressions(dir: &Path, entries: u64) -> io::Result<PathBuf> {
    make(dir.join(format!("suppressions-{entries}.csv")), |file| {
        for entry in 0..entries {
            // Neither sorted nor in mixed case throughout, as such files are: the step shares no
            // factor with the number of entries.
            let number = entry.wrapping_mul(7_919) % entries.max(1);
            let first = if entry % 10 == 0 { "Former" } else { "former" };
            writeln!(file, "{first}.reader.{number:08}@mail{:04}.example.org", number % 9_973)?;
        }
        Ok(())
    })
}

fn make(
    path: PathBuf,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<PathBuf> {
    if path.exists() {
        return Ok(path);
    }
    let mut file = BufWriter::with_capacity(1 << 20, File::create(&path)?);
    write(&mut file)?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    Ok(path)
}
