//! Lists of any length, with the names that break naive mailers.

/// Display names in scripts, with quotes, commas, apostrophes, right-to-left text, combining marks
/// and line-length trouble.
pub(crate) const NAMES: &[&str] = &[
    "Ann",
    "Zoë Müller",
    "山田太郎",
    "O'Brien, \"Bob\"",
    "محمد علي",
    "שרה כהן",
    "Ştefan Țepeș",
    "🎉 Party <script>",
    "e\u{301}lise",
    "=?utf-8?q?not_encoded?=",
    "Back\\slash; semi: colon",
    "Bartholomäus-Maximilian Freiherr von und zu Hohenlohe-Waldenburg-Schillingsfürst der Jüngere",
];

/// The name that row `index` (from zero) carries.
pub(crate) fn name(index: usize) -> &'static str {
    NAMES[index % NAMES.len()]
}

/// The address of row `index` (from zero), in turn at `example.com`, `example.net` and
/// `example.org`.
pub(crate) fn address(index: usize) -> String {
    let domain = ["example.com", "example.net", "example.org"][index % 3];
    format!("user{index}@{domain}")
}

/// A CSV list with the columns `id,email,name`, `rows` rows and unusual names.
pub(crate) fn csv(rows: usize) -> String {
    csv_of(0..rows)
}

/// The rows with these indexes, under the same header; for lists that grow.
pub(crate) fn csv_of(rows: impl IntoIterator<Item = usize>) -> String {
    let mut list = String::from("id,email,name\n");
    for index in rows {
        list.push_str(&format!(
            "{index},{},\"{}\"\n",
            address(index),
            name(index).replace('"', "\"\"")
        ));
    }
    list
}

/// The addresses of [`csv`], in order.
pub(crate) fn addresses(rows: usize) -> Vec<String> {
    (0..rows).map(address).collect()
}
