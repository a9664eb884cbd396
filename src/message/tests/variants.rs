//! One invariant: the message of a row does not depend on the rows that were rendered before it,
//! and the parsed message equals the output of the template engine.

use super::super::body::Body;
use super::super::includes::Include;
use super::super::template::{HTML_BODY, Print, Source, TEXT_BODY};
use super::*;

fn message(body: Body) -> Option<Message> {
    let mut frozen = simple("text = 'x'\nto_name = '{{ name }}'").frozen;
    frozen.body = body;
    let files = INCLUDED.iter();
    frozen.includes = files
        .map(|(name, text)| Include { name: (*name).to_owned(), source: source(text) })
        .collect();
    Message::compile(frozen, Vec::new()).ok()
}

/// The files that the templates include.
const INCLUDED: [(&str, &str); 4] = [
    (
        "footer.html",
        "<hr>{{ name }} & *co*{% if name | length > 3 %}\n<p title=\"{{ name }}\">long</p>{% endif %}{% include 'legal.html' %}\n",
    ),
    ("legal.html", "é legal {{ name | upper }}"),
    (
        "macros.html",
        "{% macro m(a) %}<i>{{ a }}</i> **b** {{ a | length }}{% endmacro %}{% macro w(a) %}[{{ caller() }}{{ a }}]{% endmacro %}{% set sign = '<b>' %}",
    ),
    (
        "base.html",
        "<div>{% block top %}top {{ name }}{% endblock %}<p>{{ email }}</p>{% block main %}{% endblock %}</div>\n",
    ),
];

fn source(text: &str) -> Source {
    Source::new(text, None, 1)
}

fn html(text: &str) -> Message {
    message(Body::Html { html: source(text), text: None }).expect("compiles")
}

fn markdown(text: &str) -> Message {
    message(Body::Markdown(source(text))).expect("compiles")
}

fn parts(mail: &Rendered) -> (String, String) {
    let parsed = MessageParser::default().parse(&mail.bytes).expect("a message");
    let part = |wanted: fn(&PartType<'_>) -> Option<String>| {
        parsed.parts.iter().find_map(|part| wanted(&part.body)).unwrap_or_default()
    };
    let text = part(|body| match body {
        PartType::Text(text) => Some(text.to_string()),
        _ => None,
    });
    let html = part(|body| match body {
        PartType::Html(html) => Some(html.to_string()),
        _ => None,
    });
    (text, html)
}

/// Normalises a text as a parser returns it.
fn read(text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', " ");
    lines.trim_end_matches('\n').to_owned()
}

/// Renders a row with a message that may have rendered other rows, and checks the invariant.
fn check(message: &Message, name: &str) {
    let Ok(mail) = render(message, name) else { return };
    check_octets(&mail.bytes);
    let alone = Message::compile(message.frozen.clone(), Vec::new()).expect("compiles");
    let alone = render(&alone, name).expect("renders");
    let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(shown(&mail.bytes), shown(&alone.bytes));
    assert_eq!((&mail.text, &mail.html), (&alone.text, &alone.html));
    let (index, fields) = row(name);
    let row = Row::new(&index, &fields);
    for (template, _) in message.frozen.body.templates() {
        let printed = message.templates.by_engine(&template, &row);
        match &*template {
            TEXT_BODY => assert_eq!(mail.text.as_deref(), Some(printed.as_str())),
            HTML_BODY => assert_eq!(mail.html.as_deref(), Some(printed.as_str())),
            // With `autoescape 'html'`, the engine's output is escaped, but the text part is not.
            _ if message
                .frozen
                .body
                .templates()
                .iter()
                .any(|(_, source)| source.text.contains("'html'")) => {}
            _ => assert_eq!(
                mail.text.as_deref().map(super::super::marks::without),
                Some(super::super::marks::without(&printed))
            ),
        }
    }
    // A CR at the end of a value and an LF after it are one line break in the text, but two in the
    // encoded message.
    if !name.contains('\r') {
        let (text, html) = parts(&mail);
        assert_eq!(read(&text), read(mail.text.as_deref().unwrap_or_default()));
        assert_eq!(read(&html), read(mail.html.as_deref().unwrap_or_default()));
    }
}

/// Generates templates with lines around the length limits, many kinds of characters, values,
/// conditions, loops, filters, macros and captured text.
fn any_template() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z .=]{0,40}",
        3 => Just("{{ name }}".to_owned()),
        2 => prop_oneof![Just("\n"), Just("\r\n"), Just("\n\n"), Just(" \n")].prop_map(str::to_owned),
        1 => "[é日🦆\t\x00\x7f<&\"'\u{f8f0}\u{f8f1}\u{fdd0}]{1,6}",
        1 => "[x]{60,180}",
        1 => "[#*_`>\\[\\]()-]{1,3}",
        6 => prop::sample::select(vec![
            "{{ name | upper }}",
            "{{ name | e }}",
            "{{ name | safe }}",
            "{{ name | length }}",
            "{{ name | tojson }}",
            "{{ name ~ '!' }}",
            "{{ email if name else 'none' }}",
            "{{ 'yes' if name }}",
            "{% if name %}some{% else %}none{% endif %}",
            "{% if name | length > 5 %}<p>long {{ name }}</p>{% endif %}",
            "{% for c in name %}{{ loop.index }}. {{ c }}\n{% endfor %}",
            "{% for c in ['a', name, '<i>'] %}<li>{{ c }}</li>{% endfor %}",
            "{% set x = name %}{{ x }}",
            "{% set x %}<b>{{ name }}</b> *a*{% endset %}{{ x }}{{ x }}",
            "{% set x %}{{ name }}{% endset %}{{ x | trim }}{{ x ~ name }}",
            "{% macro m(a) %}<i>{{ a }}</i> **b**{% endmacro %}{{ m(name) }}",
            "{% macro m(a) %}({{ caller() }}{{ a }}){% endmacro %}{% call m(name) %}[{{ name }}]{% endcall %}",
            "{% filter upper %}q {{ name }}{% endfilter %}",
            "{% filter replace('a', 'bb') %}a {{ name }}{% endfilter %}",
            "{% autoescape false %}{{ name }}{% endautoescape %}",
            "{% autoescape 'html' %}{{ name }}{% endautoescape %}",
            "{% raw %}{{ name }}{% endraw %}",
            "<a href=\"https://a.example/{{ name | urlencode }}?a=1&amp;b={{ name }}\">{{ name }}</a>",
            "<img alt=\"{{ name }}\" src=a.png>",
            "<p style=\"color:{{ name }}\">",
            "<{{ name }}>",
            "<https://a.example/{{ name }}>",
            "&#xF8F0;0&#63729;",
            "{{ 12 }}",
            "{{ true }}",
            "{#- note -#}",
            "{% include 'footer.html' %}",
            "{% for c in [name, 'x'] %}{% include 'legal.html' %}{% endfor %}",
            "{% include 'gone.html' ignore missing %}",
            "{% import 'macros.html' as k %}{{ k.m(name) }}{{ k.sign }}",
            "{% from 'macros.html' import m as n %}{{ n(name) }}{{ n('<u>') }}",
            "{% from 'macros.html' import w %}{% call w(name) %}<b>{{ name }}</b>{% endcall %}",
            "{% set x %}{% include 'footer.html' %}{% endset %}{{ x }}",
            "{% filter upper %}{% include 'legal.html' %}{% endfilter %}",
        ]).prop_map(str::to_owned),
    ];
    let pieces = proptest::collection::vec(piece, 0..14);
    let whole = pieces.prop_map(|pieces| pieces.concat());
    (whole, 0..8).prop_map(|(text, kind)| match kind {
        0 => format!("{{% extends 'base.html' %}}{{% block main %}}{text}{{% endblock %}}"),
        1 => format!(
            "{{% extends './base.html' %}}{{% block top %}}{{{{ super() }}}}{text}{{% endblock %}}"
        ),
        _ => text,
    })
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z ]{0,20}",
        2 => "[é日🦆=. \t<&\"'\n]{0,30}",
        1 => "[x]{50,190}",
        1 => any::<String>(),
        2 => prop::sample::select(vec![
            "", "https://a.example/?a=1&b=2", "a@b.example", "0mbslot0x", "a\n\nb", "\u{fdd0}", "a\nb\n", "\n",
            "<b>x</b>", "--><script>", "{{ email }}", "\u{f8f0}0\u{f8f1}", "\u{ad}\u{2028}", "# x", "1. ", ".",
        ]).prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn a_message_is_what_building_it_alone_gives(
        first in any_template(),
        second in any_template(),
        names in proptest::collection::vec(any_name(), 1..4),
    ) {
        let bodies = [
            Body::Text(source(&first)),
            Body::Html { html: source(&second), text: Some(source(&first)) },
            Body::Html { html: source(&first), text: None },
            Body::Markdown(source(&first)),
        ];
        for message in bodies.into_iter().filter_map(message) {
            for name in names.iter().chain(&names) {
                check(&message, name);
            }
        }
    }
}

#[test]
fn included_files_are_escaped_as_the_message_that_includes_them() {
    let text = "{% include 'legal.html' %}|{% from 'macros.html' import m %}{{ m(name) }}|{% set x %}{% include 'footer.html' %}{% endset %}{{ x }}";
    let mail = |body| render(&message(body).expect("compiles"), "<Zoë>").expect("renders");
    let plain = mail(Body::Text(source(text)));
    assert!(plain.text.is_some_and(|text| {
        text.starts_with("é legal <ZOË>|<i><Zoë></i> **b** 5|<hr><Zoë> & *co*\n<p title=\"<Zoë>\">")
    }));
    let html = mail(Body::Html { html: source(text), text: None }).html.expect("HTML");
    assert!(
        html.starts_with("é legal &lt;ZOË&gt;|<i>&lt;Zoë&gt;</i> **b** 5|<hr>&lt;Zoë&gt; & *co*"),
        "{html}"
    );
    let html = mail(Body::Markdown(source(text))).html.expect("HTML");
    assert!(html.contains("é legal &lt;ZOË&gt;|<i>&lt;Zoë&gt;</i> <strong>b</strong> 5"), "{html}");
}

#[test]
fn what_included_files_print_is_one_variant_whatever_the_values() {
    let layout =
        "{% extends 'base.html' %}{% block main %}{% include 'legal.html' %}{% endblock %}";
    let message = html(layout);
    let printed = |name: &str| {
        let (index, fields) = row(name);
        match message.templates.print(HTML_BODY, &Row::new(&index, &fields)).expect("renders") {
            Print::Recorded(fixed, _) => fixed,
            Print::Plain(_) => panic!("not plain"),
        }
    };
    assert_eq!(printed("Ann"), printed("<Zoë> & co"));
    assert!(printed("Ann").bytes() < 400, "no text of a file is copied");
}

#[test]
fn a_template_that_prints_another_text_for_each_row_gives_each_its_own() {
    let message = html("<p>{{ name | safe }}{% for i in range(name | length) %}.{% endfor %}</p>");
    for number in 0..300 {
        check(&message, &format!("<b>{number}</b>{}", "x".repeat(number)));
    }
    check(&message, "<b>0</b>");
}

#[test]
fn no_value_makes_structure_of_a_text_or_of_html() {
    let mail = |message: &Message, name: &str| {
        let mail = render(message, name).expect("renders");
        (mail.text.unwrap_or_default(), mail.html.unwrap_or_default())
    };
    let message = html("<p>Hi {{ name }}</p><p>Bye</p>");
    assert_eq!(mail(&message, "a\n\nb").0.trim(), "Hi a  b\n\nBye");
    assert_eq!(mail(&message, "<h1>&amp;").0.trim(), "Hi <h1>&amp;\n\nBye");
    // Private-use characters in a template or a value are ordinary text.
    let message = html("<p>\u{f8f0}0\u{f8f1}&#xf8f2;0&#63731; {{ name }}</p>");
    assert_eq!(
        mail(&message, "\u{f8f0}0\u{f8f1}").0.trim(),
        "\u{f8f0}0\u{f8f1}\u{f8f2}0\u{f8f3} \u{f8f0}0\u{f8f1}"
    );
    let message = markdown("{% macro m(a) %}**{{ a }}**{% endmacro %}{{ m(name) }}\n\n{{ 1 }}. x");
    let (text, html) = mail(&message, "*x* <i>\ny");
    assert_eq!(text, "***x* <i>\ny**\n\n1. x");
    assert!(html.contains("<strong>*x* &lt;i&gt;<br>y</strong>"), "{html}");
    assert!(html.contains("<ol>\n<li>x</li>"), "{html}");
}

#[test]
fn no_filter_makes_markup_of_a_value_in_markdown() {
    let keep = "{% set x %}{{ name }}{% endset %}";
    for print in [
        "{% for w in x | split(' ') %}{{ w }} {% endfor %}",
        "{% for w in x | lines %}{{ w }} {% endfor %}",
        "{% for w in x | list %}{{ w }}{% endfor %}",
        "{{ x | reverse | reverse }}",
        "{{ x | replace('x', 'y') }}",
        "{{ x | replace('x', name) }}",
        "{{ x[2:] }}",
        "{{ name | tojson }}",
        "{{ [x] | tojson }}",
        "{% filter replace('x', 'y') %}{{ name }}{% endfilter %}",
    ] {
        let message = markdown(&format!("{keep}{print}"));
        let mail = render(&message, "a *x* <b>x</b> [x](y) z").expect("renders");
        let html = mail.html.unwrap_or_default();
        assert!(!["<em>", "<b>", "<a "].iter().any(|tag| html.contains(tag)), "{print}: {html}");
    }
    let message = markdown(&format!("{keep}{{{{ '**b**' | safe }}}} {{{{ x | trim }}}}"));
    let html = render(&message, "*x*").expect("renders").html.unwrap_or_default();
    assert!(html.contains("<strong>b</strong> *x*"), "{html}");
}

#[test]
fn what_a_template_keeps_is_never_marked() {
    let kept = "{% set x %}{{ name }}{% endset %}{{ x | length }} {{ x == name }} {{ x | upper }}";
    for body in [
        Body::Text(source(kept)),
        Body::Html { html: source(kept), text: None },
        Body::Markdown(source(kept)),
    ] {
        let mail = render(&message(body).expect("compiles"), "Ann").expect("renders");
        assert!(mail.text.as_deref().is_some_and(|text| text.trim() == "3 true ANN"), "{mail:?}");
    }
    let message = markdown("{% set x %}{{ name }}{% endset %}{{ x }} {{ x | length }}");
    let mail = render(&message, "**x**").expect("renders");
    assert!(mail.html.is_some_and(|html| html.contains("<p>**x** 5</p>")));
}

#[test]
fn values_that_a_template_keeps_are_values_when_they_are_printed() {
    let kept =
        "{% macro m(a) %}<b>{{ a }}</b>{% endmacro %}{% set x %}{{ m(name) }}!{% endset %}{{ x }}";
    let message = html(kept);
    let printed = |name: &str| {
        let (index, fields) = row(name);
        let row = Row::new(&index, &fields);
        match message.templates.print(HTML_BODY, &row).expect("renders") {
            Print::Recorded(fixed, _) => fixed,
            Print::Plain(_) => panic!("not plain"),
        }
    };
    assert_eq!(printed("Ann"), printed("<Zoë> & co"), "one variant");
    for name in ["Ann", "<Zoë> & co", "&lt;b&gt;", "\u{fdd0}", ""] {
        check(&message, name);
    }
}

#[test]
fn a_preheader_is_a_value_of_the_html_and_of_nothing_else() {
    let with = |body: Body, preheader: &str| {
        let mut frozen = simple("text = 'x'").frozen;
        frozen.body = body;
        frozen.preheader = Some(source(preheader));
        Message::compile(frozen, Vec::new()).expect("compiles")
    };
    let page =
        "<html><body>\n<p>Dear {% if name %}{{ name }}{% else %}you{% endif %}</p></body></html>";
    for body in [
        Body::Html { html: source(page), text: None },
        Body::Html {
            html: source("<p>{{ name }} {{ email }}</p>"),
            text: Some(source("Dear {{ name }}")),
        },
        Body::Markdown(source("# Dear {{ name }}\n\n{{ email }}")),
    ] {
        let bare = message(body.clone()).expect("compiles");
        let given =
            with(body.clone(), "{% if name != 'nobody' %}For {{ name }} & <you>{% endif %}");
        for name in ["Ann", "<!-- \"x\" -->", "a\r\n\r\nb\u{2028}c", "Zoë", "", "nobody", "Ann"] {
            let (plain, mail) =
                (render(&bare, name).expect("renders"), render(&given, name).expect("renders"));
            let alone = Message::compile(given.frozen.clone(), Vec::new()).expect("compiles");
            assert_eq!(mail.bytes, render(&alone, name).expect("renders").bytes);
            check_octets(&mail.bytes);
            assert_eq!(mail.text, plain.text);
            let (html, before) = (mail.html.expect("HTML"), plain.html.expect("HTML"));
            if name == "nobody" {
                assert_eq!(html, before);
                continue;
            }
            let element = preheader::element(&format!("For {name} & <you>"));
            assert_eq!(html.replacen(&element, "", 1), before);
            assert!(html.matches("<div style=\"display:none").count() == 1, "{html}");
            let (_, read_html) = parts(&render(&given, name).expect("renders"));
            assert_eq!(read(&read_html), read(&html));
        }
    }
    let text = simple("text = 'Hi'\npreheader = 'x'");
    assert!(text.lint().iter().any(|line| line.starts_with("`preheader` is not used")));
}

#[test]
fn a_long_line_is_encoded_the_same_whatever_its_values() {
    let long = "0123456789".repeat(30);
    let message = html(&format!("<p>{long}{{{{ name }}}}{long}{{{{ name }}}}.</p>"));
    let lines = |name: &str| {
        let mail = render(&message, name).expect("renders");
        let text = String::from_utf8(mail.bytes).expect("ASCII");
        let (_, html) = text.split_once("text/html").expect("HTML");
        html.lines()
            .filter(|line| line.starts_with("012345"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(lines("Ann"), lines("a much longer name than that, with Zoë in it"));
    assert!(!lines("Ann").is_empty());
}
