//! What is nested without end, or holds itself, is refused in words: templates, conditions, values
//! and HTML.

use crate::support::ran::Ran;
use crate::support::{Workspace, workspace};

fn sandbox() -> Workspace {
    let work = workspace();
    work.sandbox_config("")
        .message("Hi", "Hello {{ name }}")
        .file("list.csv", "email,name\na@example.com,Ann\nb@example.com,Ben\n");
    work
}

/// It ends with `code`, says this and how to mend it, and does not blame itself.
#[track_caller]
fn refused(ran: Ran, code: i32, says: &str) {
    let ran = ran.ends(code).says(says).says("hint: ");
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
}

#[test]
fn what_lies_too_deep_in_itself_is_refused_and_overflows_no_stack() {
    let work = sandbox();
    let rows = [
        ("name", "|string"),
        ("name", ".a"),
        ("name", "[0]"),
        ("name", " ~ name"),
        ("1", " + 1"),
        ("1", " or 1"),
        ("name", "()"),
    ];
    for (before, part) in rows {
        let expression = format!("{before}{}", part.repeat(10_000));
        work.message("Hi", &format!("Hello\n{{{{ {expression} }}}}"));
        refused(work.run(&["check", "list.csv"]), 4, ":5:");
        work.message("Hi", "Hello");
        refused(work.run(&["check", "list.csv", "--where", &expression]), 2, "in a row (column ");
    }
    for (before, part, after) in [
        ("{{ ", "not ", "1 }}"),
        ("{{ ", "-", "1 }}"),
        ("{% if 1 %}", "{% elif 1 %}", "{% endif %}"),
    ] {
        work.message("Hi", &format!("Hello\n{before}{}{after}", part.repeat(100_000)));
        refused(work.run(&["check", "list.csv"]), 4, "more than 1000 operators");
    }
    // Values that hold themselves, or others so often that nothing gets to their end.
    let set = |value: &str, times: usize| {
        format!(
            "{{% set n = namespace(x=['a']) %}}{{% for i in range({times}) %}}{{% set n.x = {value} %}}{{% endfor %}}"
        )
    };
    let twice = |rest: &str| format!("{}{rest}", set("[n.x, n.x]", 60));
    for (template, says) in [
        ("{% set n = namespace() %}{% set n.x = n %}{{ n }}".to_owned(), "deep in each other"),
        ("{% set n = namespace() %}{% set n.x = [n] %}{{ n.x|tojson }}".to_owned(), "deep in each other"),
        ("{% set n = namespace() %}{% set n.x = n %}{% if n == n.x %}{% endif %}x".to_owned(), "deep in each other"),
        (set("dict(a=n.x)", 90_000), "deep in each other"),
        (set("namespace(a=n.x)", 90_000), "deep in each other"),
        (set("n.x|batch(1)|list", 90_000), "deep in each other"),
        ("{% set n = namespace() %}{% for i in range(90000) %}{% set m = namespace() %}{% set m.y = n.x|default('a') %}{% set n.x = m %}{% endfor %}x".into(), "deep in each other"),
        (twice("{{ n.x }}"), "second's work"),
        (set("namespace(a=n.x, b=n.x)", 60), "second's work"),
    ] {
        work.message("Hi", &format!("Hello {{{{ name }}}}\n{template}"));
        let ran = work.run(&["check", "list.csv"]).ends(4);
        let why = work.read("list.csv.rejected.csv");
        assert!(why.contains(says) && !ran.err.contains("panicked"), "{template}: {why}\n{}", ran.err);
    }
    for (part, says) in [
        ("<div>", "1000 deep"),
        ("<blockquote><p>", "1000 deep"),
        ("<b>", "1000 deep"),
        ("<td>x", "100000 elements"),
    ] {
        work.file(
            "deep.html",
            format!("+++\nsubject = \"Hi\"\n+++\n<table><tr>{}", part.repeat(150_000)),
        );
        refused(work.run(&["check", "list.csv", "--message", "deep.html"]), 4, says);
    }
    // What is kept and nested in mail.
    work.message(
        "Hi",
        "{% set n = namespace(seen=[], last=none) %}{% for i in range(300) %}{% set n.seen = n.seen + [{'i': i, 'of': [i, name]}] %}\
         {% set n.last = n.none_such %}{% endfor %}{{ n.seen|length }} {{ dict(a=[1])|tojson }} {{ n.last|default('none') }} {{ 7 in [1, 7] }}",
    );
    work.run(&["preview", "list.csv", "--row", "1"]).ends(0).says("300 {\"a\": [1]} none true");
}
