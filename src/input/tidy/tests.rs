use super::*;

fn tidy(cells: &[&str]) -> (Option<ListRow>, Vec<Kind>) {
    let (mut tidy, mut findings) =
        (Tidy { width: 3, email: Some(1), ..Tidy::default() }, Findings::default());
    let row = tidy.row(2, StringRecord::from(cells.to_vec()), &mut findings).expect("no error");
    (row, findings.all("l").into_iter().map(|finding| finding.kind).collect())
}

fn read(cells: &[&str]) -> (Vec<String>, Vec<Kind>) {
    let (row, kinds) = tidy(cells);
    let Fields::Text(record) = row.expect("a row").fields else { panic!("text") };
    (record.iter().map(str::to_owned).collect(), kinds)
}

#[test]
fn rows_are_filled_and_cut_where_nothing_is_lost() {
    let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
    assert_eq!(read(&["1", "a@b.example"]), (row(&["1", "a@b.example", ""]), vec![Kind::Short]));
    assert_eq!(
        read(&["1", "a@b.example", "x", "", " "]),
        (row(&["1", "a@b.example", "x"]), vec![Kind::Surplus])
    );
    assert_eq!(
        tidy(&["1", "a@b.example", "x", "y"]).0.expect("kept").defect.as_deref(),
        Some("row has 4 fields, the header has 3")
    );
    assert_eq!(
        read(&["=\"007\"", "=\"a@b.example\"", "=1+1"]),
        (row(&["007", "a@b.example", "=1+1"]), vec![Kind::Formula, Kind::OtherFormula])
    );
    assert_eq!(
        read(&["= \"007\"", "a@b.example", "=T(\"00\"\"1\")"]).0,
        row(&["007", "a@b.example", "00\"1"])
    );
    assert_eq!(read(&["1", "a@b.example", "x=\"y\""]).1, []);
}

#[test]
fn a_single_text_below_an_empty_row_is_a_footer() {
    let mut findings = Findings::default();
    let mut tidy = Tidy { width: 3, email: Some(1), ..Tidy::default() };
    let mut row = |cells: &[&str]| {
        tidy.row(2, StringRecord::from(cells.to_vec()), &mut findings).expect("no error").is_some()
    };
    assert!(row(&["Ann"]), "a person without an address is counted");
    assert!(
        !row(&["", "", ""]) && !row(&["Grand Totals (2 records)"]) && !row(&["Copyright", "", ""])
    );
    assert!(row(&["", "a@b.example", ""]) && row(&["Ben"]));
    assert_eq!(
        findings.all("l").iter().map(|finding| (finding.kind, finding.count)).collect::<Vec<_>>()
            [0],
        (Kind::Footer, 2)
    );
}

#[test]
fn rows_that_are_struck_out_or_empty_are_left_out() {
    for cells in [
        ["# 1", "a@b.example", ""],
        ["1", "# a@b.example", ""],
        ["// x", "", ""],
        ["--Ann", "a@b.example", ""],
        ["1", "*a@b.example", ""],
        ["# of spring", "", ""],
    ] {
        let (row, kinds) = tidy(&cells);
        assert!(row.is_none() && kinds == [Kind::Struck], "{cells:?}");
    }
    for (cells, says) in [
        (["*VIP Ann", "a@b.example", ""], "begins with a mark"),
        (["!", "a@b.example", ""], "begins with a mark"),
        (["--", "a@b.example", ""], "begins with a mark"),
        (["1", "a@b.example ::: c@d.example", ""], "several addresses"),
    ] {
        let row = tidy(&cells).0.expect("kept, so that it is counted");
        assert!(row.defect.is_some_and(|defect| defect.contains(says)), "{cells:?}");
    }
    assert_eq!(tidy(&["", " ", "\u{a0}"]).1, [Kind::Blank]);
    assert!(
        tidy(&["1", "a@b.example", "#1001"]).0.is_some()
            && tidy(&["-1", "-a@b.example", ""]).0.is_some()
    );
    let mut names = Tidy { width: 2, email: Some(1), own_mark: Some("*"), ..Tidy::default() };
    let mut is_row = |cells: &[&str]| {
        names
            .row(2, StringRecord::from(cells.to_vec()), &mut Findings::default())
            .expect("no error")
            .is_some()
    };
    assert!(
        is_row(&["*VIP", "a@b.example"])
            && !is_row(&["// *VIP", "a@b.example"])
            && !is_row(&["--*VIP", "a@b.example"])
    );
    for error in ["#N/A", "#REF!", "#NAME?", "#DIV/0!", "#NV"] {
        assert!(
            tidy(&["1", error, ""]).0.is_some(),
            "{error} is counted as a row without an address"
        );
        assert!(
            tidy(&[error, "a@b.example", ""]).0.is_some_and(|row| row.defect.is_none()),
            "{error} is data"
        );
    }
    assert!(tidy(&["1", "* Work", ""]).0.is_some());
    for data in ["#1001", "#D12", "#ff0001", "#WEB-7"] {
        assert!(
            tidy(&[data, "a@b.example", ""]).0.is_some_and(|row| row.defect.is_none()),
            "{data}"
        );
    }
    let mut plain =
        Tidy { width: 3, email: Some(1), plain_shape: Some("9".to_owned()), ..Tidy::default() };
    let mut defect = |first: &str| {
        let row = plain
            .row(2, StringRecord::from(vec![first, "a@b.example", ""]), &mut Findings::default())
            .expect("no error");
        row.expect("a row").defect.is_some()
    };
    assert!(defect("#16") && !defect("16") && !defect("#D16") && !defect("#N/A"));
    for doubtful in ["#Ann", "#vip", "*hot"] {
        assert!(
            tidy(&[doubtful, "a@b.example", ""]).0.is_some_and(|row| row.defect.is_some()),
            "{doubtful}"
        );
    }
}

#[test]
fn a_header_in_the_middle_is_skipped_or_refused() {
    let names = ["email", "name", "vip"].map(str::to_owned).to_vec();
    let mut tidy = Tidy { width: 3, email: Some(0), header: (names, 1), ..Tidy::default() };
    let mut row = |cells: &[&str]| {
        let mut findings = Findings::default();
        let row = tidy.row(9, StringRecord::from(cells.to_vec()), &mut findings);
        row.map(|row| (row.is_some(), findings.all("l").first().map(|found| found.kind)))
    };
    for same in [&["email", "name", "vip"][..], &["\u{feff}Email", " NAME ", "vip", ""]] {
        assert_eq!(row(same).expect("no error"), (false, Some(Kind::HeaderRows)), "{same:?}");
    }
    for other in [
        &["email", "vip", "name"][..],
        &["vip", "e-mail", "name"],
        &["email", "name", "city", "vip"],
        &["email", "name"],
        &["email", "reason"],
    ] {
        let error = row(other).expect_err("refused").in_list("l").to_string();
        assert!(
            error.starts_with("l:9: is a header with other columns than that on line 1"),
            "{error}"
        );
    }
    for data in [
        &["ann@example.com", "email", "name"][..],
        &["", "name", "x"],
        &["none", "email", "x"],
        &["email"],
    ] {
        assert!(row(data).expect("no error").0, "{data:?}");
    }
}

#[test]
fn rows_whose_cells_are_shifted_or_cut_off_are_no_good() {
    let defect = |usual: Option<usize>, is_last_open: bool, cells: &[&str]| {
        let alike = Alike { length: 3, addresses: vec![false, true, true], is_last_filled: false };
        let mut tidy =
            Tidy { width: 4, email: Some(1), usual, is_last_open, alike, ..Tidy::default() };
        let mut findings = Findings::default();
        let row = tidy
            .row(2, StringRecord::from(cells.to_vec()), &mut findings)
            .expect("no error")
            .expect("a row");
        (row.defect.unwrap_or_default(), findings.all("l").first().map(|found| found.kind))
    };
    let all = Some(4);
    for (usual, is_last_open, cells, says) in [
        (all, false, &["Vera", "vera@example", "com", "d", ""][..], "goes on in the next cell"),
        (None, false, &["Vera", "vera@example", "co.uk", ""], "goes on in the next cell"),
        (
            all,
            false,
            &["Vera", "vera@example.com", "1", "5", ""],
            "row has 5 fields, most rows have 4",
        ),
        (all, false, &["Vera", "vera@exam"], "ends inside its address"),
        (None, false, &["Vera", "vera@example.c"], "ends inside its address"),
        (all, true, &["Vera", "vera@example.co"], "file ends inside this row"),
        (all, true, &["Vera", "vera@example.com", "x"], "file ends inside this row"),
        (
            Some(3),
            false,
            &["vera@example.com", "old@example.com"],
            "an address where they have none",
        ),
        (
            None,
            false,
            &["x;vera@example.com", "old@example.com"],
            "an address where they have none",
        ),
    ] {
        assert!(
            defect(usual, is_last_open, cells).0.contains(says),
            "{cells:?}: {}",
            defect(usual, is_last_open, cells).0
        );
    }
    for (usual, is_last_open, cells) in [
        (all, false, &["Vera", "vera@localhost", "x", "y"][..]),
        (all, true, &["Vera", "vera@example.com", "x", "y"]),
        (None, true, &["Vera", "vera@example.com", "x"]),
        (None, false, &["Vera", "vera@example.com", "x", "", "", ""]),
        (Some(6), false, &["Vera", "vera@example.com", "x", "", "", ""]),
        (Some(2), true, &["Vera", "vera@example.com"]),
        (Some(2), false, &["Vera", "vera@localhost"]),
    ] {
        assert_eq!(defect(usual, is_last_open, cells).0, "", "{cells:?}");
    }
    assert_eq!(defect(Some(3), false, &["Vera", "vera@example.com"]).1, Some(Kind::OddLength));
    assert_eq!(defect(Some(3), false, &["Vera", "vera@example.com", "x"]).1, Some(Kind::Short));
    assert_eq!(defect(all, false, &["Vera", "vera@example.com"]).1, Some(Kind::Short));
}

#[test]
fn empty_cells_beyond_columns_that_are_always_filled_are_dropped() {
    let defect = |is_last_filled: bool, cells: &[&str]| {
        let alike = Alike { length: 3, addresses: vec![false, true, false], is_last_filled };
        let mut tidy = Tidy { width: 3, email: Some(1), usual: Some(3), alike, ..Tidy::default() };
        tidy.row(2, StringRecord::from(cells.to_vec()), &mut Findings::default())
            .expect("no error")
            .expect("a row")
            .defect
    };
    for cells in
        [&["Vera", "vera@example.com", "5", ""][..], &["Vera", "vera@example.com", "5", "", " "]]
    {
        assert_eq!(defect(true, cells), None, "{cells:?}");
        assert!(defect(false, cells).is_some(), "{cells:?}");
    }
    assert!(defect(true, &["Vera", "vera@example.com", "1", "5"]).is_some());
}

#[test]
fn text_that_was_encoded_twice_is_known() {
    for text in ["MÃ¼ller", "ZoÃ«", "â‚¬ 5", "JosÃ© and Ann"] {
        assert!(is_encoded_twice(text), "{text}");
    }
    for text in ["Müller", "Ã", "São", "Â", "ÄÖÜ", "Zoë", "山田", "Ânâ", "ÉÈ"] {
        assert!(!is_encoded_twice(text), "{text}");
    }
}
