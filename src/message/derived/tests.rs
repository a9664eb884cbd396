//! HTML and the text derived from it, one rule at a time, and hostile HTML.

use proptest::prelude::*;

use super::text_of;

/// Checks pairs of HTML and expected text.
fn check(table: &[(&str, &str)]) {
    for (html, expected) in table {
        assert_eq!(text_of(html), *expected, "{html}");
    }
}

#[test]
fn blanks_and_entities_are_those_a_reader_sees() {
    check(&[
        ("", ""),
        ("  \n\t ", ""),
        ("Zoë &amp; co  &lt;b&gt; &#x1F600; &eacute;", "Zoë & co <b> \u{1F600} é"),
        (
            "<p>one\n   two</p>\n\n<p>&nbsp;</p><p>three&nbsp;&nbsp;four </p>",
            "one two\n\nthree four",
        ),
        ("a<b>b</b> <i> c</i>d", "ab cd"),
        ("shy&shy;phen zero&#8203;width", "shyphen zerowidth"),
        ("می&zwnj;خواهم 👩&zwj;💻", "می\u{200c}خواهم 👩\u{200d}💻"),
        (
            "Preview &zwnj;&nbsp;&zwnj;&nbsp;&#847; &#8199;&#65279;&#847; &shy;&#173; &#8204;",
            "Preview",
        ),
        ("<div>&#847; &zwnj; &nbsp; &#8199; &shy;</div><p>Hello</p>", "Hello"),
        ("1 < 2 && 3 <4", "1 < 2 && 3 <4"),
    ]);
}

#[test]
fn what_is_not_shown_is_not_read() {
    for hidden in [
        "<div style=\"display:none\">secret</div>",
        "<div style='DISPLAY : None !important;'>secret<p>secret</p></div>",
        "<span style='visibility:hidden'>secret</span>",
        "<div style='max-height:0;overflow:hidden'>secret</div>",
        "<div style='max-height:0px;font-size:1px;line-height:1px;color:#fff'>secret</div>",
        "<div style='font-size:0;mso-hide:all;'>secret</div>",
        "<div style='opacity:0;font-size:1px'>secret</div>",
        "<td style='font-size:0'>secret<b>secret</b></td>",
        "<p hidden>secret</p>",
        "<p hidden=''>secret</p>",
        "<i aria-hidden='true'>secret</i>",
        "<style>p { color: red } secret</style>",
        "<script>if (1 < 2) secret()</script>",
        "<head><title>secret</title><meta content='secret'></head>",
        "<title>secret <b></title>",
        "<!-- secret -->",
        "<!--[if mso]><p>secret</p><![endif]-->",
        "<!--[if gte mso 9]><xml><o:PixelsPerInch>96</o:PixelsPerInch></xml><![endif]-->",
        "<xml><o:PixelsPerInch>96</o:PixelsPerInch></xml>",
        "<svg><title>secret</title><text>secret</text></svg>",
        "<select><option>secret</option></select><textarea>secret</textarea>",
        "<template><p>secret</p></template>",
        "<style>.pre, .other { display: none !important }</style><span class='x pre'>secret</span>",
        "<style>@import 'x'; /* { */ #pre{visibility:hidden}</style><span id=pre>secret</span>",
        "<style>@media (x) { .a { b: c } } span.pre.top { display:none; }</style><span class='top pre'>secret</span>",
        "<img src='x' alt=''><img alt='hero.png'><img alt='secret' width=1 height=1>",
        "<!doctype html><?xml secret?></ secret>",
    ] {
        assert_eq!(
            text_of(&format!("<p>before</p>{hidden}<p>after</p>")),
            "before\n\nafter",
            "{hidden}"
        );
    }
}

#[test]
fn what_is_shown_is_read() {
    for shown in [
        "<!--[if !mso]><!--><p>shown</p><!--<![endif]-->",
        "<![if !mso]><p>shown</p><![endif]>",
        "<a style='mso-hide:all'>shown</a>",
        "<td style='font-size:0;line-height:0'><div style='font-size:14px'>shown</div></td>",
        "<td style='font-size:0px'><p class='text'>shown</p></td>",
        "<div style='max-height:0'>shown</div>",
        "<div style='opacity:0'>shown</div>",
        "<div style='display:\u{F8F0}1\u{F8F1}'>shown</div>",
        "<p aria-hidden='false'>shown</p>",
        "<style>@media (max-width:600px) { .m { display: none } }</style><p class='m'>shown</p>",
        "<style>.x .m { display: none } .m:hover{display:none}</style><p class='m'>shown</p>",
        "<style>.m { display: none }</style><p class='m' style='display:block'>shown</p>",
        "<style>.m { display: none } .m { display: block }</style><p class='m'>shown</p>",
        "<noscript>shown</noscript>",
        "<head><p>shown</p>",
        "<video><source src=x>shown</video>",
    ] {
        let html = format!("<p>before</p><div>{shown}</div><p>after</p>");
        assert_eq!(text_of(&html), "before\n\nshown\n\nafter", "{shown}");
    }
}

#[test]
fn lines_are_the_authors() {
    check(&[
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("one<br><br><br><br>two<br>", "one\n\ntwo"),
        ("<p>one</br>two</p>", "one\ntwo"),
        ("<div>one</div><div>two</div><div><br></div><div>three</div>", "one\ntwo\n\nthree"),
        ("<p>one<p>two<p>three", "one\n\ntwo\n\nthree"),
        ("<h1>Title</h1>text<h2>Next</h2><p>text", "Title\n\ntext\n\nNext\n\ntext"),
        ("<pre>\n  a\n    b  \n\n\n\nc</pre>", "  a\n    b\n\nc"),
        ("<p style='white-space:pre-line'>a   b\nc</p>", "a b\nc"),
        ("<p>a</p><hr><p>b</p>", "a\n\n---\n\nb"),
        ("<span style='display:block'>a</span><span style='display:block'>b</span>", "a\nb"),
        ("<p>He said <q>no</q>.</p>", "He said \u{201c}no\u{201d}."),
        (
            "<dl><dt>Term</dt><dd>What it is</dd><dt>Next<dd>one<br>two</dl>",
            "Term\n  What it is\nNext\n  one\n  two",
        ),
        (&format!("<p>{}</p>", "long ".repeat(100)), "long ".repeat(100).trim_end()),
    ]);
}

#[test]
fn lists_and_quotations_are_marked() {
    check(&[
        ("<ul><li>one</li><li>two<li>three</ul>after", "- one\n- two\n- three\n\nafter"),
        (
            "<ol start=9><li>nine<li>ten<br>more<li value=20>twenty<li>next</ol>",
            "9. nine\n10. ten\n    more\n20. twenty\n21. next",
        ),
        ("<ol reversed><li>a<li>b<li>c</ol>", "3. a\n2. b\n1. c"),
        ("<ul><li>one<ul><li>inner</li></ul></li><li>two</li></ul>", "- one\n  - inner\n- two"),
        ("<ul><li></li><li><p>a</p><p>b</p></li></ul>", "- a\n\n  b"),
        ("<ul style='list-style-type:none'><li>a<li>b</ul>", "a\nb"),
        (
            "<p>said:</p><blockquote>one<p>two</p><blockquote>deep</blockquote></blockquote><p>end</p>",
            "said:\n\n> one\n>\n> two\n>\n> > deep\n\nend",
        ),
    ]);
}

#[test]
fn a_link_is_written_once() {
    check(&[
        ("<a href='https://acme.example/x'>Shop</a>.", "Shop <https://acme.example/x>."),
        (
            "<a href=' https://acme.example/a b?c=1&amp;d=2\n'>Shop  <b>now</b> </a> today",
            "Shop now <https://acme.example/a%20b?c=1&d=2> today",
        ),
        ("<a href='https://acme.example/'>acme.example</a>", "https://acme.example/"),
        ("<a href='https://acme.example/x'>https://acme.example/x</a>", "https://acme.example/x"),
        ("<a href='mailto:help@acme.example'>help@acme.example</a>", "help@acme.example"),
        (
            "<a href='mailto:help@acme.example'>Write</a> <a href='tel:+49301234'>(030) 12 34</a> <a href='tel:+49301234'>Call</a>",
            "Write <help@acme.example> (030) 12 34 <+49301234>\u{20}Call <+49301234>"
                .replace(
                    "(030) 12 34 <+49301234>\u{20}Call <+49301234>",
                    "+49301234 Call <+49301234>",
                )
                .as_str(),
        ),
        (
            "<a href='mailto:u@acme.example?subject=stop-1'>Stop</a> <a href='mailto:?subject=x'>Share</a>",
            "Stop <mailto:u@acme.example?subject=stop-1> Share",
        ),
        (
            "<a href='#top'>Top</a> <a href='javascript:void(0)'>Do</a> <a>Bare</a> <a href=''>None</a> <a href='/x'>Here</a> <a href='http://'>No</a>",
            "Top Do Bare None Here No",
        ),
        ("<a href='//acme.example/x'>Shop</a>", "Shop <https://acme.example/x>"),
        (
            "a<a href='https://acme.example/x'></a>b <a href='https://acme.example/x'> <img src=x></a>",
            "ab <https://acme.example/x>",
        ),
        (
            "<a href='https://a.example'>one <a href='https://b.example'>two</a>",
            "one <https://a.example> two <https://b.example>",
        ),
        (
            "<a href='https://a.example/x'><h2>Title</h2><p>Words</p></a>after",
            "Title\n\nWords <https://a.example/x>\n\nafter",
        ),
        ("<a href=\"https://x.example/>\">x</a>", "x <https://x.example/%3E>"),
    ]);
}

#[test]
fn pictures_are_their_alternative_text() {
    let twice = |first: &str, second: &str| {
        text_of(&format!(
            "<table><tr><td><a href='https://a.example/s'>{first}</a></td></tr><tr><td>\n<a href='https://a.example/s'>{second}</a></td></tr></table>€ 20"
        ))
    };
    assert_eq!(
        twice("<img alt='Blue shirt'>", "<b>Blue</b> shirt"),
        "Blue shirt <https://a.example/s>\n\n€ 20"
    );
    assert_eq!(
        twice("<img alt='A man'>", "Blue shirt"),
        "A man\n\nBlue shirt <https://a.example/s>\n\n€ 20"
    );
    assert_eq!(twice("<img src=x>", "Blue shirt"), "Blue shirt <https://a.example/s>\n\n€ 20");
    check(&[
        ("<a href='https://a.example'><img src=x alt='Acme'></a>", "Acme <https://a.example>"),
        ("<a href='https://a.example'><img alt='Acme'> Acme</a>", "Acme <https://a.example>"),
        ("<p><img alt='A cat on a roof'>text <img alt='✓'>", "[A cat on a roof]text ✓"),
        ("<p><img alt='In pink'><img src=x><img alt='In black'>", "[In pink] [In black]"),
        (
            "<p>Read <a href='https://a.example/1'>it</a><p><a href='https://a.example/1'><img></a><p>and \
             <a href='https://a.example/2'><img></a><p><a href='https://a.example/2'><img></a>",
            "Read it <https://a.example/1>\n\nand <https://a.example/2>",
        ),
        (
            "<a href='https://a.example/1'><img></a><p hidden><a href='https://a.example/1'>it</a>",
            "<https://a.example/1>",
        ),
        (
            "<map><area href='https://a.example/1' alt='One'><area href='https://a.example/2' alt='Two'></map>",
            "One <https://a.example/1>\nTwo <https://a.example/2>",
        ),
    ]);
}

#[test]
fn tables_for_layout_are_paragraphs_and_tables_of_data_rows() {
    check(&[
        (
            "<table width=600><tr><td>\n  <table><tr><td><h1>Hi</h1></td></tr>\n<tr><td>text</td></tr></table>  </td></tr></table><table><tr><td>end</table>",
            "Hi\n\ntext\n\nend",
        ),
        (
            "<table role=presentation border=1><tr><th>A</th><td><p>one</p><p>two</p></td></tr></table>",
            "A\n\none\n\ntwo",
        ),
        (
            "<table><tr><td>Total</td><td>&nbsp;</td><td>$ 10</td></tr><tr><td>Tax</td><td></td><td>$ 1</td></tr></table>",
            "Total | $ 10\nTax | $ 1",
        ),
        (
            "<table><tr><td>&bull;</td><td>One thing</td></tr><tr><td>2.</td><td>Another</td></tr></table>",
            "• One thing\n2. Another",
        ),
        (
            "<table><tr><td><a href='https://a.example/1'>One</a></td><td><a href='https://a.example/2'>Two</a></td></tr></table>",
            "One <https://a.example/1>\nTwo <https://a.example/2>",
        ),
        (
            "<table><thead><tr><th>Item<th>Price</thead><tbody><tr><td><p>Tea</p><td>3<tr><td>Milk <br>cold<td></tbody></table>",
            "Item | Price\nTea | 3\nMilk cold",
        ),
        (
            "<table><tr><th></th><th>2025</th><th>2026</th></tr><tr><td>Sold</td><td></td><td>7</td></tr></table>",
            "| 2025 | 2026\nSold |  | 7",
        ),
        ("<table border=1><caption>Prices</caption><tr><td>Tea<td>3</table>", "Prices\nTea | 3"),
        (
            "<table class=row><tr><th class=columns><table><tr><th><p>Layout</p><p>by th</p></th><th class=expander></th></tr></table></th></tr></table>",
            "Layout\n\nby th",
        ),
        ("<table><tr>stray<td>cell</td></tr></table>", "stray\n\ncell"),
    ]);
}

#[test]
fn values_come_out_where_they_stood() {
    let v = |n: usize| format!("\u{F8F0}{n}\u{F8F1}");
    let html = format!(
        "<p style='color:{0}' title='{0}'>Dear {1},</p><a href='{2}'>{1}</a> <a href='https://a.example/{2}?x={3}'><img src='{0}' alt='{3}'></a> <a href='{2}'>{2}</a><p hidden>{4}</p>",
        v(0),
        v(1),
        v(2),
        v(3),
        v(4)
    );
    assert_eq!(
        text_of(&html),
        format!("Dear {0},\n\n{0} <{1}> {2} <https://a.example/{1}?x={2}> {1}", v(1), v(2), v(3))
    );
}

/// Whether a text has no blank at the end of a line, no two blank lines in a row, and no line break
/// at either end.
fn is_tidy(text: &str) -> bool {
    text.split('\n').all(|line| line.trim_end_matches([' ', '\t']) == line)
        && !text.contains("\n\n\n")
        && !text.starts_with('\n')
        && !text.ends_with('\n')
}

#[test]
fn html_that_is_meant_to_do_harm_ends() {
    let many = 3_000;
    for part in [
        "<div>",
        "<b>",
        "<a href='https://a.example/x'>",
        "<table><tr><td>x",
        "<table>",
        "<td>x",
        "<ul><li>x",
        "<ol>",
        "<blockquote>x<br>",
        "<li>x",
        "</div>",
        "</p>",
        "</br>",
        "<p>x",
        "<i></x>",
        "<dl><dd>x",
        "<svg>",
        "<svg/>x",
        "<select>",
        "<title>",
        "<style>.a{display:none}",
        "<span class='a b c'>x",
        "<img alt='x y'>",
        "<a href=https://a.example/x><img></a>",
        "<!--",
        "<!-- -->",
        "<![endif]-->",
        "<!",
        "<?",
        "<",
        "&",
        "&#",
        "&amp",
        "\u{200c}",
        "\0",
        "\r\n",
        "{",
        "<pre>\n ",
        "<hr>",
        "<q>",
        "<tr><td>x<td>y",
        "<caption>x",
        "<thead>",
        "<a><table>",
        "</table>",
        "<x-y a=1 a=2>",
    ] {
        let text = text_of(&part.repeat(many));
        assert!(text.len() <= 40 * part.len() * many && is_tidy(&text), "{part}");
    }
    let css = format!("<style>{}</style>", ".a{display:none}".repeat(2_000));
    let shown = format!("{css}{}", "<i class='a'>x</i>".repeat(2_000));
    assert_eq!(text_of(&shown), "");
    let classes = format!("{css}<i class='{}'>x</i>", "a b ".repeat(2_000));
    assert_eq!(text_of(&classes), "");
}

proptest! {
    #[test]
    fn any_pieces_of_html_give_tidy_text(pieces in prop::collection::vec(0..PIECES.len(), 0..60)) {
        let html: String = pieces.iter().map(|at| PIECES[*at]).collect();
        let text = text_of(&html);
        prop_assert!(is_tidy(&text), "{html}: {text:?}");
        prop_assert!(!text.contains("secret"), "{html}: {text:?}");
        prop_assert_eq!(&text, &text_of(&html));
    }

    #[test]
    fn any_text_gives_tidy_text(html in "[ -~\n<>/&;=\"'\u{a0}\u{200c}é\u{F8F0}]{0,200}") {
        prop_assert!(is_tidy(&text_of(&html)));
    }
}

const PIECES: &[&str] = &[
    "<p>",
    "</p>",
    "<div>",
    "</div>",
    "<table>",
    "</table>",
    "<tr>",
    "</tr>",
    "<td>",
    "</td>",
    "<th>",
    "<ul>",
    "</ul>",
    "<ol>",
    "<li>",
    "</li>",
    "<blockquote>",
    "</blockquote>",
    "<pre>",
    "</pre>",
    "<br>",
    "<hr>",
    "<a href='https://a.example/x'>",
    "<a href='https://b.example'>",
    "</a>",
    "<img alt='pic'>",
    "<img>",
    "word ",
    " two\n",
    "&nbsp;",
    "&zwnj;",
    "<b>",
    "</b>",
    "<h1>",
    "</h1>",
    "<!-- secret -->",
    "<i hidden>secret</i>",
    "<style>secret</style>",
    "<table border=1><tr><td>",
    "<span style='display:block'>",
    "<p style='white-space:pre'>",
    "<table style='display:inline-table'>",
    "<q>",
    "</q>",
    "<dd>",
    "\u{F8F0}1\u{F8F1}",
];
