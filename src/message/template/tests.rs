//! Tests of templates: escaping, undefined names, filters and errors.

use minijinja::context;

use super::*;

fn with(name: &str, text: &str) -> Templates {
    let mut templates = Templates::new();
    templates.add(name, &Source::new(text, Some("welcome.md".to_owned()), 10)).expect("compiles");
    templates
}

fn render(name: &str, text: &str, context: Value) -> Result<String, RenderError> {
    let templates = with(name, text);
    match templates.record(name, &context)? {
        Print::Plain(_) => unreachable!("the engine records"),
        Print::Recorded(fixed, values) => Ok(fill(&templates.pieces(name, &fixed), &values)),
    }
}

#[test]
fn only_html_bodies_are_escaped() {
    let row = || context! { name => "<b>&\"'/", n => 3, ok => true };
    assert_eq!(
        render(HTML_BODY, "{{ name }} {{ n }} {{ ok }}", row()).expect("renders"),
        "&lt;b&gt;&amp;&quot;&#39;/ 3 true"
    );
    assert_eq!(render(HTML_BODY, "{{ name | safe }}", row()).expect("renders"), "<b>&\"'/");
    assert_eq!(render(TEXT_BODY, "{{ name }} {{ n }}", row()).expect("renders"), "<b>&\"'/ 3");
    assert_eq!(render("subject", "{{ name }}", row()).expect("renders"), "<b>&\"'/");
}

#[test]
fn an_undefined_name_is_named_with_its_line() {
    let why = render("subject", "Hi\n{{ naem }}", context! { name => "x" }).expect_err("undefined");
    assert_eq!((why.missing.as_deref(), why.line), (Some("naem"), Some(11)));
    assert_eq!(why.to_string(), "subject, line 11: `naem` is undefined");
    let why = render(
        TEXT_BODY,
        "{{ items[0].titel }}",
        context! { items => vec![context! { title => "x" }] },
    )
    .expect_err("undefined");
    assert_eq!(why.missing.as_deref(), Some("items[0].titel"));
    let why = render(TEXT_BODY, "{% if naem %}x{% endif %}", context! {}).expect_err("undefined");
    assert_eq!(why.missing.as_deref(), Some("naem"));
}

#[test]
fn no_filter_makes_something_of_an_undefined_name() {
    const ALL: [&str; 45] = [
        "abs",
        "attr('a')",
        "batch(2)",
        "bool",
        "capitalize",
        "center(3)",
        "chain([1])",
        "count",
        "dictsort",
        "escape",
        "first",
        "float",
        "format",
        "groupby('a')",
        "indent(2)",
        "int",
        "items",
        "join",
        "join(', ')",
        "last",
        "length",
        "lines",
        "list",
        "lower",
        "map('upper')",
        "max",
        "min",
        "pprint",
        "reject",
        "rejectattr('a')",
        "replace('a', 'b')",
        "reverse",
        "round",
        "select",
        "selectattr('a')",
        "slice(2)",
        "sort",
        "split(',')",
        "string",
        "sum",
        "title",
        "trim",
        "unique",
        "upper",
        "zip([1])",
    ];
    let every = || {
        ALL.into_iter().chain([
            "urlencode",
            "tojson",
            "safe",
            "lower | urlencode",
            "urlencode | upper",
        ])
    };
    for body in [TEXT_BODY, HTML_BODY, MARKDOWN_BODY] {
        let taken: Vec<&str> = every()
            .filter(|filter| {
                render(body, &format!("<{{{{ naem | {filter} }}}}>"), context! { name => "x" })
                    .is_ok()
            })
            .collect();
        assert_eq!(taken, Vec::<&str>::new(), "in {body}");
    }
    let why = render(TEXT_BODY, "{{ naem | urlencode }}", context! {}).expect_err("undefined");
    assert_eq!(why.missing.as_deref(), Some("naem"));
    assert_eq!(
        render(
            TEXT_BODY,
            "{{ a | urlencode }} {{ b | join('+') }}",
            context! { a => "a b", b => vec![1, 2] }
        )
        .expect("renders"),
        "a%20b 1+2"
    );
    assert_eq!(
        render(TEXT_BODY, "{{ naem | default('x y') | urlencode }}", context! {}).expect("renders"),
        "x%20y"
    );
}

#[test]
fn no_filter_makes_something_of_an_undefined_argument() {
    let filters = [
        "chain(naem)",
        "format(naem)",
        "groupby(naem)",
        "indent(naem)",
        "join(naem)",
        "replace('a', naem)",
        "replace(naem, 'a')",
        "round(naem)",
        "split(naem)",
        "trim(naem)",
        "urlencode ~ naem",
        "zip(naem)",
    ];
    let row =
        || context! { name => "x", list => vec!["a", "b"], items => vec![context! { a => 1 }] };
    for filter in filters {
        for value in ["name", "list", "items", "gone"] {
            let text = format!("{{{{ {value} | {filter} }}}}");
            assert!(
                render(TEXT_BODY, &text, row()).is_err(),
                "{text}: {:?}",
                render(TEXT_BODY, &text, row())
            );
        }
    }
    for text in [
        "{{ [name, naem] | join(' ') }}",
        "{{ name ~ naem }}",
        "{{ list | join(naem) }}",
        "{{ [name] | chain(naem) | list }}",
        "{{ gone | default(naem) }}",
    ] {
        let why = render(TEXT_BODY, text, row()).expect_err("undefined");
        assert_eq!(why.missing.as_deref(), Some("naem"), "{text}: {why}");
    }
    let why = render(TEXT_BODY, "{{ naem | groupby('a') }}", row()).expect_err("undefined");
    assert_eq!(why.missing.as_deref(), Some("naem"));
    let good = [
        ("{{ items | groupby('a') | length }}", "1"),
        ("{{ list | chain(['c']) | join('+') }}", "a+b+c"),
        ("{{ name | replace('x', '') }}", ""),
    ];
    for (text, expected) in good {
        assert_eq!(render(TEXT_BODY, text, row()).expect("renders"), expected, "{text}");
    }
}

#[test]
fn a_null_is_as_good_as_undefined_and_an_if_without_else_is_empty() {
    let why = render(HTML_BODY, "{{ name }}", context! { name => () }).expect_err("null");
    assert_eq!(why.missing.as_deref(), Some("name"));
    assert_eq!(
        render("subject", "a{{ 'x' if n > 3 }}b", context! { n => 1 }).expect("renders"),
        "ab"
    );
}

#[test]
fn errors_do_not_show_values() {
    let why = render(TEXT_BODY, "{{ age | int }}", context! { age => "ann@example.com" })
        .expect_err("no number");
    assert!(!why.to_string().contains("ann@") && why.to_string().contains("age"), "{why}");
}

#[test]
fn a_template_that_never_ends_is_stopped() {
    let text = "{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}";
    let why = render(TEXT_BODY, text, context! {}).expect_err("no fuel");
    assert!(
        why.missing.is_none()
            && why.to_string().contains("takes more than a second's work for one row"),
        "{why}"
    );
}

#[test]
fn a_syntax_error_names_file_line_and_column() {
    let source = |file: Option<&str>| Source::new("Hi\n  {{ name", file.map(str::to_owned), 10);
    let complain = |name: &str, file| {
        Templates::new().add(name, &source(file)).expect_err("refused").to_string()
    };
    assert!(
        complain(MARKDOWN_BODY, Some("welcome.md")).starts_with("welcome.md:11:"),
        "{}",
        complain(MARKDOWN_BODY, Some("welcome.md"))
    );
    assert!(complain("subject", Some("welcome.md")).starts_with("welcome.md:11: subject, column "));
    let inline = Templates::new()
        .add("subject", &Source::new("Hi {{ a b }}", None, 1))
        .expect_err("refused");
    assert!(inline.to_string().starts_with("subject:1:9: "), "{inline}");
}
