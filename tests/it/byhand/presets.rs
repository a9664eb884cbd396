//! `suppress import --preset`: other services' exports become entries, or an error that says why
//! not.

use super::at;

#[test]
fn an_export_is_imported_with_its_reasons_into_the_file_and_the_ledger() {
    let work = at("resend", "https://api.example", "", &[]);
    let export = "\u{feff}Email,Portal Bounce,Portal Unsubscribe,Portal Spam Report,Global Bounce,Marketing Information\n\
                  ann@x.example,550 no such user,,,,\nben@x.example,,TRUE,,,TRUE\ncy@x.example,,,,,TRUE\n";
    work.file("export.csv", export);
    work.run(&["suppress", "import", "--preset", "hubspot", "export.csv"])
        .ends(0)
        .says("2 entries imported")
        .says("1 rows left out");
    assert_eq!(
        work.read("stop.csv"),
        "email,reason,source\nann@x.example,hard_bounce,hubspot export\nben@x.example,unsubscribe,hubspot export\n"
    );
    work.run(&["suppress", "check", "ann@x.example"]).ends(0).says("ledger");
    work.run(&["suppress", "check", "cy@x.example"]).ends(9);
    work.run_with(&["suppress", "import", "--preset", "ses", "-"], "dan@x.example,COMPLAINT\n")
        .ends(0);
    work.run(&["suppress", "check", "dan@x.example"]).ends(0).says("complaint");
}

#[test]
fn a_file_that_is_not_that_export_changes_nothing() {
    let work = at("resend", "https://api.example", "", &[]);
    work.file(
        "list.csv",
        "Email Address,First Name,OPTIN_TIME\nann@x.example,Ann,2021-03-04 05:06:07\n",
    );
    for (preset, code, says) in [
        ("mailchimp", 4, "list.csv:1: this is no export of mailchimp"),
        ("ses", 4, "this is no export of ses"),
        ("acme", 2, "hubspot, mailchimp, sendgrid, ses"),
    ] {
        let ran =
            work.run(&["suppress", "import", "--preset", preset, "list.csv"]).ends(code).says(says);
        assert!(!ran.err.contains("ann@x.example"), "{}", ran.err);
    }
    work.run(&["suppress", "import", "--preset", "ses", "--reason", "manual", "list.csv"])
        .ends(2)
        .says("cannot be used");
    work.run(&["suppress", "import", "--preset", "ses", "nowhere.csv"]).ends(4).says("nowhere.csv");
    assert_eq!(work.read("stop.csv"), "email,reason,source\n");
}
