use std::path::Path;

use super::super::mapped;
use super::*;

const HEAD: &str = "<mjml><mj-body><mj-section><mj-column>";
const TAIL: &str = "</mj-column></mj-section></mj-body></mjml>";

fn rendered_in(folder: &Path, mjml: &str) -> Result<Page> {
    render(("welcome.mjml", "welcome.mjml"), (mjml, 1), &Folder::at(folder))
}

fn rendered(mjml: &str) -> Result<Page> {
    rendered_in(Path::new("/nonexistent"), mjml)
}

fn html(mjml: &str) -> String {
    rendered(mjml).unwrap_or_else(|why| panic!("{mjml}: {why}")).html.text
}

fn refusal(mjml: &str) -> String {
    rendered(mjml).err().unwrap_or_else(|| panic!("rendered: {mjml}")).to_string()
}

#[test]
fn what_is_in_an_element_comes_out_as_it_was_written() {
    for content in [
        "Hi {{ name }}",
        "{% if a %}<p>x<p>y{% else %}&nbsp;&zwnj;&copy; a < b{% endif %}",
        "<!-- note {{ a }} --><!--[if mso]><p class=\"x\">{{ b }}</p><![endif]-->",
        "<!--[if !mso]><!--><br>{{ '<b>' }}<!--<![endif]-->",
        "{% for i in items %}<a href=\"https://a.example/{{ i['x'] }}?a=1&b={{ i.y | urlencode }}\">x</a>{% endfor %}",
        "{% raw %}{{ name }} {% x %}{% endraw %}{# note #}",
        "mbq0x mbq1x",
        "Zoë 日本 🦆",
    ] {
        for element in ["mj-text", "mj-button", "mj-table", "mj-raw"] {
            let page = html(&format!("{HEAD}<{element}>\n{content}\n</{element}>{TAIL}"));
            assert!(page.contains(&format!("\n{content}\n")), "{element}: {page}");
        }
    }
}

#[test]
fn templates_in_attributes_survive() {
    let page = html(&format!(
        "{HEAD}<mj-button href=\"https://a.example/{{{{ a['b'] }}}}?x=1&amp;y={{{{ c | urlencode }}}}\" background-color=\"{{% if vip %}}gold{{% else %}}#eee{{% endif %}}\" css-class=\"k-{{{{ d }}}}\">x</mj-button>\
         <mj-image src='{{{{ image }}}}' alt=\"{{{{ alt }}}}\" width=\"100px\" />{TAIL}"
    ));
    for part in [
        "href=\"https://a.example/{{ a['b'] }}?x=1&amp;y={{ c | urlencode }}\"",
        "{% if vip %}gold{% else %}#eee{% endif %}",
        "k-{{ d }}",
        "src=\"{{ image }}\"",
        "alt=\"{{ alt }}\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn template_tags_and_comments_between_elements_stay_in_their_order() {
    let section = "<mj-section><mj-column><mj-text>x</mj-text></mj-column></mj-section>";
    let mjml = format!(
        "{{% set a = 1 %}}\n<mjml><mj-head>{{% set b = 2 %}}<mj-title>{{{{ t }}}}</mj-title><!-- head --></mj-head><mj-body>\n<!-- one -->{{% if c %}}{section}{{% else %}}{section}{{% endif %}}\n\
         <mj-section>{{% for i in d %}}<mj-column>{{% if e %}}<mj-text>y</mj-text>{{% endif %}}<!-- two --><mj-divider /></mj-column>{{% endfor %}}</mj-section>\
         <mj-wrapper>{{% if w %}}{section}{{% endif %}}</mj-wrapper><mj-hero>{{% if h %}}<mj-text>z</mj-text>{{% endif %}}</mj-hero>\
         <mj-section><mj-group>{{% if g %}}<mj-column><mj-text>u</mj-text></mj-column>{{% endif %}}</mj-group></mj-section></mj-body></mjml>\n{{# end #}}{{{{ below }}}}\n"
    );
    let page = html(&mjml);
    let found: Vec<&str> = super::super::tags::all(&page)
        .expect("closed")
        .into_iter()
        .map(|tag| &page[tag.range])
        .collect();
    let expected = [
        "{% set a = 1 %}",
        "{{ t }}",
        "{{ t }}",
        "{% set b = 2 %}",
        "{% if c %}",
        "{% else %}",
        "{% endif %}",
        "{% for i in d %}",
        "{% if e %}",
        "{% endif %}",
        "{% endfor %}",
        "{% if w %}",
        "{% endif %}",
        "{% if h %}",
        "{% endif %}",
        "{% if g %}",
        "{% endif %}",
        "{{ below }}",
    ];
    let mut sorted = found.clone();
    sorted.sort_unstable();
    let mut wanted = expected.to_vec();
    wanted.sort_unstable();
    assert_eq!(sorted, wanted, "{page}");
    assert_eq!(
        found.iter().filter(|tag| !tag.starts_with("{{")).collect::<Vec<_>>(),
        expected.iter().filter(|tag| !tag.starts_with("{{")).collect::<Vec<_>>()
    );
    assert!(page.starts_with("{% set a = 1 %}<!doctype html>"), "{page}");
    for comment in ["<!-- head -->", "<!-- one -->", "<!-- two -->"] {
        assert!(page.contains(comment), "{comment}");
    }
    let env = minijinja::Environment::new();
    env.template_from_str(&page).expect("a template");
}

#[test]
fn what_cannot_be_rendered_is_refused_with_its_place_and_a_hint() {
    for (mjml, says) in [
        ("", "welcome.mjml: there is no <mjml> element"),
        ("<p>Hi</p>", "welcome.mjml:1:1: <p> is outside of <mjml>"),
        ("<mjml>\n<mj-body>\n<mj-section>", "welcome.mjml:3:1: <mj-section> is not closed"),
        (
            "<mjml><mj-body></mjml>",
            "welcome.mjml:1:16: </mjml> ends <mj-body>, which was opened at welcome.mjml:1:7",
        ),
        ("<mjml></mjml>", "welcome.mjml: there is no <mj-body>"),
        ("<mjml></mjml></mj-body>", "welcome.mjml:1:14: </mj-body> ends no element"),
        (
            "<mjml><mj-body><mj-nonsense /></mj-body></mjml>",
            "welcome.mjml:1:16: the element <mj-nonsense> is not known",
        ),
        (
            "<mjml><mj-body>\n <mj-section><mj-column><mj-text>x</mj-column>",
            "welcome.mjml:2:25: <mj-text> is not closed",
        ),
        (
            "<mjml><mj-body><mj-section background-color=\"red></mj-section></mj-body></mjml>",
            "welcome.mjml:1:16: this tag is not closed",
        ),
        (
            "<mjml><mj-body><mj-section {{ a }}=\"b\"></mj-section></mj-body></mjml>",
            "welcome.mjml:1:28: a template tag is allowed in the value",
        ),
        (
            "<mjml><mj-body><mj-section {% if a %}x=\"b\"{% endif %}></mj-section></mj-body></mjml>",
            "welcome.mjml:1:28: a template tag is allowed in the value",
        ),
        (
            "<mjml><mj-body><mj-section css-class=\"{% if a %}\"></mj-section></mj-body></mjml>",
            "a condition or loop begins in this value",
        ),
        (
            "<mjml><mj-body>{{ a </mj-body></mjml>",
            "welcome.mjml:1:16: this template tag is not closed",
        ),
        ("<mjml>{% if a %}<mj-body></mj-body></mjml>", "cannot be between <mj-head> and <mj-body>"),
        (
            "<mjml><mj-head>{% if a %}<mj-style>a{}</mj-style>{% endif %}</mj-head></mjml>",
            "only {% set %} and {% import %}",
        ),
        (
            "<mjml><mj-body><mj-section><mj-column><mj-social>{% if a %}</mj-social></mj-column></mj-section></mj-body></mjml>",
            "between the elements of <mj-social>",
        ),
        (
            "<mjml><mj-body><mj-section><mj-column><mj-spacer height=\"{{ h }}\" /><mj-image src=\"a\" width=\"{{ w }}px\" /></mj-column></mj-section></mj-body></mjml>",
            "MJML does not output the value of this attribute",
        ),
        ("<mjml><mj-body><!-- a</mj-body></mjml>", "welcome.mjml:1:16: this comment is not closed"),
        ("<mjml></mjml><mjml></mjml>", "there is a second <mjml>"),
        ("text <mjml></mjml>", "welcome.mjml:1:1: there is text outside of <mjml>"),
        (
            "<mjml><mj-body>\n<mj-include path=\"/etc/passwd\" /></mj-body></mjml>",
            "welcome.mjml:2:1: <mj-include path=\"/etc/passwd\">: it is not below the message's folder",
        ),
        (
            "<mjml><mj-body><mj-include path=\"../a.mjml\" /></mj-body></mjml>",
            "it is not below the message's folder",
        ),
        (
            "<mjml><mj-body><mj-include path=\"{{ a }}\" /></mj-body></mjml>",
            "a template tag cannot be in <mj-include>",
        ),
    ] {
        let why = refusal(mjml);
        assert!(why.contains(says) && why.contains("hint: "), "{mjml}\n{why}");
    }
}

#[test]
fn large_and_deep_mjml_neither_overflows_nor_hangs() {
    let deep = |times: usize| {
        format!(
            "<mjml><mj-body>{}{}</mj-body></mjml>",
            "<mj-wrapper>".repeat(times),
            "</mj-wrapper>".repeat(times)
        )
    };
    for mjml in [
        deep(10_000),
        "<mjml><mj-body><div>".repeat(10_000),
        format!("<mjml><mj-body>{}", "<mj-wrapper>".repeat(10_000)),
    ] {
        let why = refusal(&mjml);
        assert!(why.contains("nested more than") || why.contains("outside"), "{why}");
    }
    html(&deep(DEEP));
    let nested = format!(
        "<mjml><mj-body>{}x{}</mj-body></mjml>",
        "<div>".repeat(DEEP),
        "</div>".repeat(DEEP)
    );
    html(&nested);
    let text = format!("<mj-text>{}</mj-text>", "x".repeat(1000));
    html(&format!("{HEAD}{}{TAIL}", text.repeat(5_000)));
    let why = refusal(&format!("{HEAD}{}{TAIL}", text.repeat(10_000)));
    assert!(why.contains("more than 8 MiB of MJML"), "{why}");
}

const DEEP: usize = 97;

#[test]
fn included_files_are_read_below_the_folder_and_nowhere_else() {
    let dir = tempfile::tempdir().expect("a directory");
    let folder = dir.path().join("message");
    std::fs::create_dir_all(folder.join("parts")).expect("made");
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("written");
    std::fs::write(dir.path().join("secret.mjml"), "<mj-text>secret</mj-text>").expect("written");
    std::os::unix::fs::symlink("../secret.mjml", folder.join("link.mjml")).expect("made");
    write(
        "parts/section.mjml",
        "<mj-section><mj-column>\n<mj-include path=\"./text.mjml\" /></mj-column></mj-section>",
    );
    write("parts/text.mjml", "<mj-text>\n{{ inner }}</mj-text>");
    write(
        "whole.mjml",
        "<mjml><mj-head><mj-style>.whole{top:0}</mj-style></mj-head><mj-body><mj-section><mj-column><mj-text>whole</mj-text></mj-column></mj-section></mj-body></mjml>",
    );
    write("a.html", "<p>{{ html }}<br></p>");
    write("a.css", ".plain { color: {{ c }} }");
    write("loop.mjml", "<mj-include path=\"loop.mjml\" />");
    write("broken.mjml", "<mj-section>\n<mj-column></mj-section>");
    let include = |more: &str| format!("<mjml><mj-body><mj-include {more} /></mj-body></mjml>");
    let page = rendered_in(&folder, &include("path=\"parts/section.mjml\"")).expect("rendered");
    let at = page.html.text.find("{{ inner").expect("it is there");
    assert_eq!(
        mapped::find(&page.html.places, &page.html.text, at),
        Some((Some("parts/text.mjml"), 2))
    );
    let page = rendered_in(&folder, &include("path='whole.mjml'")).expect("rendered").html.text;
    assert!(
        page.contains("whole</div>") && page.contains("<style type=\"text/css\">.whole{top:0}"),
        "{page}"
    );
    let page = rendered_in(&folder, &include("path=\"a.html\" type=\"html\"")).expect("rendered");
    assert!(page.html.text.contains("<p>{{ html }}<br></p>"));
    let page = rendered_in(&folder, &include("path=\"a.css\" type=\"css\"")).expect("rendered");
    assert!(
        page.html.text.contains(">.plain { color: {{ c }} }</style>") && page.css.text.is_empty()
    );
    let inline = include("path=\"a.css\" type=\"css\" css-inline=\"inline\"");
    let page = rendered_in(&folder, &inline).expect("rendered");
    assert!(!page.html.text.contains(".plain") && page.css.text.contains(".plain"));
    for (path, says) in [
        ("link.mjml", "not below the message's folder"),
        ("loop.mjml", "loop.mjml includes itself"),
        ("gone.mjml", "No such file"),
        ("parts", "it is a directory"),
        ("https://a.example/x.mjml", "No such file"),
        ("broken.mjml", "broken.mjml:2:12: </mj-section> ends <mj-column>"),
        ("", "its name is empty"),
    ] {
        let why =
            rendered_in(&folder, &include(&format!("path=\"{path}\""))).err().expect("refused");
        assert!(why.to_string().contains(says), "{path}: {why}");
    }
    let why = rendered_in(&folder, &include("path=\"a.css\" type=\"js\"")).err().expect("refused");
    assert!(why.to_string().contains("the types are mjml, html and css"), "{why}");
}

#[test]
fn css_that_mjml_inlines_is_kept_apart() {
    let mjml = |css: &str| {
        format!(
            "<mjml><mj-head><mj-style inline=\"inline\">{css}</mj-style></mj-head><mj-body></mj-body></mjml>"
        )
    };
    let page = rendered(&mjml("\n.a { color: red }")).expect("rendered");
    assert!(page.css.text.contains(".a { color: red }") && !page.html.text.contains("color: red"));
    let page = rendered(&mjml("@media print { .a { color: red } }")).expect("rendered");
    assert!(page.html.text.contains("@media print"), "at-rules cannot be inlined");
    let page = rendered("<mjml><mj-head><mj-style>.b { top: {{ t }} }</mj-style></mj-head><mj-body></mj-body></mjml>").expect("rendered");
    assert!(page.css.text.is_empty() && page.html.text.contains(".b { top: {{ t }} }"));
}

#[test]
fn an_image_without_a_text_has_an_empty_one() {
    let page = html(&format!(
        "{HEAD}<mj-image src=\"a.png\" /><mj-image src=\"b.png\" alt=\"B\"></mj-image>{TAIL}"
    ));
    assert!(page.contains("alt=\"\"") && page.contains("alt=\"B\""), "{page}");
}

#[test]
fn what_mjml_prints_into_a_comment_or_an_attribute_does_not_end_it() {
    let section = "<mj-section><mj-column><mj-text>x</mj-text></mj-column></mj-section>";
    let page = html(&format!(
        "<mjml><mj-head><mj-title>a \"b\" {{{{ c[\"d\"] }}}}</mj-title></mj-head><mj-body><mj-wrapper><!-- one -->{section}<!-- two --></mj-wrapper></mj-body></mjml>"
    ));
    assert!(page.contains("<title>a &quot;b&quot; {{ c[\"d\"] }}</title>"), "{page}");
    assert!(page.contains("aria-label=\"a &quot;b&quot; {{ c[\"d\"] }}\""), "{page}");
    let mut rest = page.as_str();
    while let Some((_, comment)) = rest.split_once("<!--") {
        let (inside, behind) = comment.split_once("-->").expect("closed");
        assert!(!inside.contains("<!--") || inside.ends_with("<!"), "{inside}");
        rest = behind;
    }
    assert!(!rest.contains("-->"));
}

#[test]
fn attributes_apply_alike_wherever_they_are_set() {
    let column = |inner: &str| {
        format!("<mj-body><mj-section><mj-column>{inner}</mj-column></mj-section></mj-body>")
    };
    let accordion = |element: &str, title: &str, text: &str| {
        column(&format!(
            "<mj-accordion><mj-accordion-element{element}><mj-accordion-title{title}>a</mj-accordion-title><mj-accordion-text{text}>b</mj-accordion-text></mj-accordion-element></mj-accordion>"
        ))
    };
    type With<'a> = &'a dyn Fn(&str) -> String;
    let cases: [(&str, &str, With<'_>); 8] = [
        ("mj-body", "background-color=\"#abcdef\" width=\"500px\"", &|with| {
            format!("<mj-body{with}><mj-section></mj-section></mj-body>")
        }),
        ("mj-divider", "align=\"right\"", &|with| column(&format!("<mj-divider{with} />"))),
        ("mj-image", "alt=\"{{ alt }}\"", &|with| {
            column(&format!("<mj-image src=\"a.png\"{with} />"))
        }),
        ("mj-social-element", "color=\"red\" font-size=\"9px\" border-radius=\"9px\"", &|with| {
            column(&format!(
                "<mj-social><mj-social-element name=\"x\"{with}>y</mj-social-element></mj-social>"
            ))
        }),
        ("mj-accordion-element", "icon-width=\"9px\" icon-wrapped-url=\"{{ icon }}\"", &|with| {
            accordion(with, "", "")
        }),
        ("mj-accordion-title", "font-family=\"Georgia\"", &|with| accordion("", with, "")),
        ("mj-accordion-text", "font-family=\"Georgia\"", &|with| accordion("", "", with)),
        ("mj-carousel-image", "tb-border=\"1px solid red\" border-radius=\"9px\"", &|with| {
            column(&format!("<mj-carousel><mj-carousel-image src=\"a.png\"{with} /></mj-carousel>"))
        }),
    ];
    for (element, attributes, with) in cases {
        let page = |set: &str, body: String| {
            html(&format!(
                "<mjml><mj-head><mj-attributes>{set}</mj-attributes></mj-head>{body}</mjml>"
            ))
        };
        let direct = page("", with(&format!(" {attributes}")));
        assert_ne!(direct, page("", with("")), "{element}");
        let other = attributes
            .replace("red", "lime")
            .replace("9px", "1px")
            .replace("right", "left")
            .replace("{{ icon }}", "i.png")
            .replace("{{ alt }}", "y");
        let classes =
            format!("<mj-class name=\"a\" {other} /><mj-class name=\"b\" {attributes} />");
        for (set, own) in [
            (format!("<{element} {attributes} />"), String::new()),
            (format!("<{element} {other} />"), format!(" {attributes}")),
            (classes, " mj-class=\"a b\"".to_owned()),
        ] {
            assert_eq!(page(&set, with(&own)), direct, "{set} {own}");
        }
    }
}

#[test]
fn no_comment_of_mjml_hides_what_is_between_the_sections_of_a_wrapper() {
    let section = "<mj-section><mj-column><mj-text>x</mj-text></mj-column></mj-section>";
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("i.html"), "<i>included</i>").expect("written");
    for (between, shown) in [
        ("<mj-raw><p>raw</p></mj-raw>", "<p>raw</p>"),
        ("<mj-raw><!-- a --><p>raw</p></mj-raw>", "<!-- a --><p>raw</p>"),
        ("{{ macro() }}", "{{ macro() }}"),
        ("{% include \"a.html\" %}", "{% include \"a.html\" %}"),
        ("<mj-include path=\"i.html\" type=\"html\" />", "<i>included</i>"),
        ("<!-- {{ note }} -->", "<!-- {{ note }} -->"),
    ] {
        for inner in [
            format!("{between}{section}{section}"),
            format!("{section}{between}{section}"),
            format!("{section}{section}{between}"),
            between.to_owned(),
        ] {
            let mjml = format!("<mjml><mj-body><mj-wrapper>{inner}</mj-wrapper></mj-body></mjml>");
            let page = rendered_in(dir.path(), &mjml).expect("rendered").html.text;
            let (before, behind) = page.split_once(shown).expect("it is there");
            assert!(before.ends_with("<![endif]-->"), "{page}");
            assert!(behind.starts_with("<!--[if mso | IE]>"), "{page}");
            let opened = page.matches("<!--[if").count() - page.matches("<!--[if !mso").count();
            assert_eq!(
                opened,
                page.matches("<![endif]-->").count() - page.matches("<!--<![endif]").count()
            );
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_mjml_makes_it_panic(parts in proptest::collection::vec(proptest::sample::select(vec![
        "<mjml>", "</mjml>", "<mj-body>", "</mj-body>", "<mj-head>", "</mj-head>", "<mj-section>", "</mj-section>", "<mj-column width=\"50%\">", "</mj-column>",
        "<mj-text padding=\"x y\">", "</mj-text>", "<mj-image width=\"-1px\" src=\"é\"/>", "<mj-carousel>", "</mj-carousel>", "<mj-carousel-image/>", "<mj-social>", "</mj-social>",
        "<mj-social-element name=\"x\">", "</mj-social-element>", "<mj-navbar hamburger=\"hamburger\">", "</mj-navbar>", "<mj-navbar-link>", "</mj-navbar-link>", "<mj-accordion>",
        "</mj-accordion>", "<mj-accordion-element>", "</mj-accordion-element>", "<mj-accordion-title>", "</mj-accordion-title>", "<mj-group>", "</mj-group>", "<mj-hero mode=\"fixed-height\" height=\"9\">",
        "</mj-hero>", "<mj-wrapper>", "</mj-wrapper>", "<mj-raw>", "</mj-raw>", "<mj-attributes>", "</mj-attributes>", "<mj-all padding=\"0\"/>", "<mj-class name=\"a\"/>", "<mj-font/>",
        "<mj-breakpoint width=\"é\"/>", "<mj-divider border-width=\"px\"/>", "<mj-spacer height=\"{{ h }}\"/>", "<mj-style inline=\"inline\">", "</mj-style>", "<mj-include path=\"x\"/>", "<mj-preview>",
        "</mj-preview>", "<mj-title>", "</mj-title>", "{{ a }}", "{% if a %}", "{% endif %}", "{#", "#}", "<!--", "-->", "<![CDATA[", "]]>", "<?x?>", "<!doctype html>", "é<", "&amp;", "&#x;", "\"", "'", "\n", "{", "<mj-button width=\"%\">", "</mj-button>",
        "<mj-table width=\"é%\">", "</mj-table>", "<a b=>", "<br>", "<div>", "</div>",
    ]), 0..40), is_whole in proptest::prelude::any::<bool>()) {
        let inner = parts.concat();
        let mjml = if is_whole { format!("{HEAD}{inner}{TAIL}") } else { inner };
        let _ = rendered(&mjml);
    }
}
