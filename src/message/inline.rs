//! Writes CSS rules into the `style` attributes of the HTML elements that they apply to. This is
//! done once, when the message is loaded.
//!
//! The rule it keeps: only `style` attributes change. The styles are computed on a copy of the
//! page, in which each element has a number and a word stands for each template tag. The copy
//! contains the included files. The computed styles are then written into the original texts, so
//! all other bytes stay the same.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;

use css_inline::CSSInliner;

use crate::model::error::{Error, Result};

use super::elements;
use super::mapped::{Mapped, Stretches};

mod copy;

use copy::{Copy, Element, Stop};

const FEWER: &str = "use fewer elements in the message, or write it in Markdown";

/// A page, or a file that pages include.
pub(super) struct File<'f> {
    /// The name by which templates include the file. `None` for a page.
    pub(super) name: Option<&'f str>,
    /// The file's name in errors.
    pub(super) shown: &'f str,
    pub(super) html: &'f Mapped,
}

impl File<'_> {
    /// Returns the line of an offset, as errors name it.
    fn place(&self, at: usize) -> String {
        self.html.shown_place(at, self.shown)
    }
}

/// The new `style` attributes of the elements of all files, by file and offset. `None` for an
/// element that keeps its attribute.
type Styles = BTreeMap<(usize, usize), (Range<usize>, Option<Mapped>)>;

/// Inlines the CSS of the `<style>` elements of the first `pages` files, or `css` instead if it is
/// given, also into the files that they include. Returns the HTML of all files, and warnings about
/// CSS that cannot be inlined.
pub(super) fn inline(
    files: &[File<'_>],
    pages: usize,
    css: Option<&Mapped>,
) -> Result<(Vec<Mapped>, Vec<String>)> {
    let (mut styles, mut notes) = (Styles::new(), Vec::new());
    for page in 0..pages {
        for note in inline_page(files, page, css, &mut styles)? {
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
    }
    let mut inlined = Vec::with_capacity(files.len());
    for (number, file) in files.iter().enumerate() {
        let (own, mut html, mut done) = (Stretches::of(file.html), Mapped::default(), 0);
        for (_, (range, style)) in styles.range((number, 0)..(number + 1, 0)) {
            if let Some(style) = style {
                own.push(&mut html, done..range.start);
                Stretches::of(style).push(&mut html, 0..style.text.len());
                done = range.end;
            }
        }
        own.push(&mut html, done..file.html.text.len());
        inlined.push(html);
    }
    Ok((inlined, notes))
}

/// Adds the styles of the elements of a page. Returns warnings.
fn inline_page(
    files: &[File<'_>],
    page: usize,
    css: Option<&Mapped>,
    all: &mut Styles,
) -> Result<Vec<String>> {
    let shown = files[page].shown;
    let refused = |what: String| Error::refused(format!("{shown}: {what}"));
    let mut copy = Copy::new(files, css);
    let apart = css
        .map(|css| {
            copy.css(css).map_err(|at| {
        let place = css.shown_place(at, shown);
        Error::refused(format!("{place}: CSS to be inlined contains a condition or a loop")).hint(
            "use {{ ... }} in the CSS, or put the condition into the style attribute of an element",
        )
    })
        })
        .transpose()?;
    match copy.read(page) {
        Ok(()) => {}
        Err(Stop::Template) => return Ok(Vec::new()),
        Err(Stop::TooLarge) => {
            return Err(refused(
                "with the files that it includes, it is too large to inline CSS".to_owned(),
            )
            .hint("include fewer files, or set inline_css = false"));
        }
    }
    elements::bounded(&copy.out).map_err(|what| refused(what).hint(FEWER))?;
    let inliner = CSSInliner::options()
        .inline_style_tags(css.is_none())
        .keep_style_tags(true)
        .keep_link_tags(true)
        .load_remote_stylesheets(false)
        .extra_css(apart.map(Cow::Owned))
        .build();
    let inlined = inliner
        .inline(&copy.out)
        .map_err(|why| refused(format!("its CSS cannot be inlined: {why}")))?;
    let styles = copy.styles(&inlined);
    let texts: Vec<Stretches<'_>> = files.iter().map(|file| Stretches::of(file.html)).collect();
    let apart = css.map(Stretches::of);
    let mut notes: Vec<String> = copy
        .left_out
        .iter()
        .map(|(file, at, what)| format!("{}: {what}", files[*file].place(*at)))
        .collect();
    for (number, element) in copy.elements.iter().enumerate() {
        let style = styles.get(&number).filter(|style| copy.is_new(element, style));
        let place = || files[element.file].place(element.at);
        let style = style.map(|style| copy.attribute((&texts, apart.as_ref()), element, style));
        let style = style.transpose().map_err(|()| {
            Error::refused(format!(
                "{}: CSS cannot be inlined into a style attribute with this template tag",
                place()
            ))
            .hint("write the tag as a property's value: property: {{ value }}")
        })?;
        match all.entry((element.file, element.at)) {
            Entry::Vacant(new) => {
                let range = match &element.style {
                    Some((attribute, _)) => attribute.clone(),
                    None => element.inner_end..element.inner_end,
                };
                new.insert((range, style));
            }
            Entry::Occupied(mut known) => {
                let text = |style: &Option<Mapped>| style.as_ref().map(|style| style.text.clone());
                if text(&known.get().1) != text(&style) {
                    known.get_mut().1 = None;
                    notes.push(format!(
                        "{}: CSS is not inlined into an element whose style depends on where its file is included",
                        place()
                    ));
                }
            }
        }
    }
    Ok(notes)
}

impl Copy<'_> {
    /// Returns the new `style` attribute of an element, with the original template tags in place of
    /// their words. Returns an error if a tag is missing.
    fn attribute(
        &self,
        (files, apart): (&[Stretches<'_>], Option<&Stretches<'_>>),
        element: &Element,
        style: &str,
    ) -> std::result::Result<Mapped, ()> {
        let mut page = Mapped::default();
        page.push(if element.style.is_some() { "style=\"" } else { " style=\"" });
        let mut met = Vec::new();
        let own =
            element.style.as_ref().map_or("", |(_, own)| &self.text(element.file)[own.clone()]);
        let style = without_importance(style, own);
        let (mut rest, mut whole) = (style.as_str(), Vec::new());
        let push = |page: &mut Mapped, template: &copy::Template| {
            let from = template.file.map(|file| &files[file]).or(apart);
            from.into_iter().for_each(|from| from.push(page, template.range.clone()));
        };
        while let Some((before, behind)) = rest.split_once(self.word.as_str()) {
            let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
            let number: usize = behind[..digits].parse().map_err(drop)?;
            let template = self.templates.get(number).ok_or(())?;
            met.push(number);
            rest = behind[digits..].strip_prefix('x').ok_or(())?;
            if template.is_whole {
                page.push(before.strip_suffix("--").ok_or(())?);
                let value = rest.trim_start().strip_prefix(':').ok_or(())?;
                let value = value.trim_start().strip_prefix('0').ok_or(())?;
                rest = value.trim_start().strip_prefix(';').unwrap_or(value).trim_start();
                whole.push(template);
            } else {
                page.push(before);
                push(&mut page, template);
            }
        }
        page.push(rest);
        // The author's declarations override inlined ones, so they must come last.
        for template in whole {
            if !page.text.trim_end().ends_with([';', '"']) {
                page.push(";");
            }
            push(&mut page, template);
        }
        page.push("\"");
        let is_lost = |number: &usize| {
            let range = &self.templates[*number].range;
            let is_in_style = element
                .style
                .as_ref()
                .is_some_and(|(_, value)| value.start <= range.start && range.end <= value.end);
            is_in_style && !met.contains(number)
        };
        if element.templates.clone().any(|number| is_lost(&number)) { Err(()) } else { Ok(page) }
    }
}

/// Removes `!important` from inlined declarations. In a `style` attribute it would override the
/// rules of `@media` that are important for exactly this reason. Declarations that are important in
/// the author's `own` style keep it.
fn without_importance(style: &str, own: &str) -> String {
    let kept: Vec<String> = important(own).map(|(_, property)| property).collect();
    let (mut out, mut done) = (String::with_capacity(style.len()), 0);
    for (at, property) in important(style) {
        if !kept.contains(&property) {
            out.push_str(style[done..at].trim_end());
            done = at + IMPORTANT.len();
        }
    }
    out.push_str(&style[done..]);
    out
}

const IMPORTANT: &str = "!important";

/// Returns the offset of each `!important` in a style, and the property that it belongs to.
fn important(style: &str) -> impl Iterator<Item = (usize, String)> {
    let lower = style.to_ascii_lowercase();
    let ends = |at: usize| lower[at + IMPORTANT.len()..].trim_start();
    let found: Vec<usize> = lower.match_indices(IMPORTANT).map(|(at, _)| at).collect();
    let found = found.into_iter().filter(|at| ends(*at).is_empty() || ends(*at).starts_with(';'));
    let property = |at: usize| {
        let start = lower[..at].rfind(';').map_or(0, |before| before + 1);
        lower[start..at].split(':').next().unwrap_or_default().trim().to_owned()
    };
    found.map(|at| (at, property(at))).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::super::mapped;
    use super::*;

    fn one(shown: &str, html: &Mapped, css: Option<&Mapped>) -> Result<(Mapped, Vec<String>)> {
        let (mut inlined, odd) = inline(&[File { name: None, shown, html }], 1, css)?;
        Ok((inlined.pop().expect("one page"), odd))
    }

    fn inlined(html: &str) -> String {
        let (page, odd) = one("a.html", &Mapped::of(html, 1), None).expect("inlined");
        assert_eq!(odd, Vec::<String>::new());
        page.text
    }

    #[test]
    fn nothing_but_style_attributes_is_changed() {
        let html = "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\" \"x.dtd\">\n<html><head><style>\n\
            p { color: red } a:hover { color: blue } @media (max-width: 600px) { p { color: green !important } }\n\
            .row td { width: {{ w }}px }</style></head>\n<body><!-- {{ note }} --><!--[if mso]><p>{{ x }}</p><![endif]-->\n\
            <P class='a'>&copy;&nbsp;&zwnj; a < b {{ name | default(\"<b>\") }}</P><br>\n\
            <table class=row>{% for i in items %}<tr><td><a href=\"https://a.example/{{ i['x'] }}?a=1&b=2\">x</a>{% endfor %}\n</table></body></html>\n";
        let expected = html
            .replace("<P class='a'>", "<P class='a' style=\"color: red;\">")
            .replace("<tr><td>", "<tr><td style=\"width: {{ w }}px;\">");
        let page = inlined(html);
        assert_eq!(
            page.replace("red;\"", "red\"").replace("px;\"", "px\""),
            expected.replace("red;\"", "red\"").replace("px;\"", "px\"")
        );
        assert_eq!(
            inlined(&html.replace("<style>", "<style media='print'>")),
            html.replace("<style>", "<style media='print'>")
        );
    }

    #[test]
    fn no_inlined_declaration_overrides_an_important_rule_of_a_small_screen() {
        let css = "<style>.a { width: 50% !important; color: red !IMPORTANT } @media (max-width: 600px) { .a { width: 100% !important } }</style>";
        for (tag, expected) in [
            ("<p class=\"a\">", "<p class=\"a\" style=\"width: 50%;color: red;\">"),
            (
                "<p class=\"a\" style=\"width:9px; top:0\">",
                "<p class=\"a\" style=\"color: red;width: 50%;top: 0\">",
            ),
            (
                "<p class=\"a\" style=\"top:0 !important;left:{{ x }}!important\">",
                "<p class=\"a\" style=\"width: 50%;color: red;top: 0 !important;left: {{ x }}!important\">",
            ),
        ] {
            let page = inlined(&format!("{css}{tag}x"));
            assert_eq!(page, format!("{css}{expected}x"));
        }
    }

    #[test]
    fn styles_of_the_author_win_and_templates_in_them_stay() {
        for (style, expected) in [
            ("color:blue", "color: blue"),
            ("color:{{ c }}", "color: {{ c }}"),
            ("{% if a %}color:blue{% endif %}", "{% if a %}color:blue{% endif %}"),
            ("{{ more }}; top:1px", "{{ more }}"),
            (
                "width:{{ w }}px;{% if a %}top:0{% endif %}",
                "width: {{ w }}px;{% if a %}top:0{% endif %}",
            ),
        ] {
            let html = format!("<style>p{{color:red}}</style><p style=\"{style}\">x</p>");
            let page = inlined(&html);
            assert!(
                page.contains(expected)
                    && page.starts_with("<style>p{color:red}</style><p style=\""),
                "{page}"
            );
            let declared = page
                .split_once("<p style=\"")
                .expect("a style")
                .1
                .split_once('"')
                .expect("an end")
                .0;
            let red = declared.find("color: red").map_or(-1, |at| at as i32);
            assert!(declared.find("{% if a").is_none_or(|at| red < at as i32), "{page}");
        }
        assert!(
            inlined("<style>b{top:0}</style><p style='{{ more }}'>x")
                .ends_with("<p style='{{ more }}'>x")
        );
    }

    #[test]
    fn what_conditions_decide_is_left_as_it_is_and_said() {
        let html = "<style>{% if a %}p{color:red}{% endif %}</style>\n<style>p{top:0}</style><p {% if a %}class=\"b\"{% endif %}>x</p>";
        let (page, odd) = one("a.html", &Mapped::of(html, 7), None).expect("inlined");
        assert_eq!(page.text, html);
        assert_eq!(odd.len(), 2);
        assert!(odd[0].starts_with("a.html:7: CSS is not inlined from a <style>"), "{odd:?}");
        assert!(odd[1].starts_with("a.html:8: CSS is not inlined into an element"), "{odd:?}");
    }

    #[test]
    fn css_given_apart_may_have_values_and_no_conditions() {
        let html = Mapped::of("<p class=\"a\">x</p>", 1);
        let css = Mapped::of("\n.a { color: {{ c }} }", 3);
        let (page, _) = one("a.mjml", &html, Some(&css)).expect("inlined");
        assert!(page.text.starts_with("<p class=\"a\" style=\"color: {{ c }}"), "{}", page.text);
        let at = page.text.find("{{ c").expect("it is there");
        assert_eq!(mapped::find(&page.places, &page.text, at), Some((None, 4)));
        let css = Mapped::of("\n{% if x %}.a { color: red }{% endif %}", 3);
        let why = one("a.mjml", &html, Some(&css)).expect_err("refused").to_string();
        assert!(why.starts_with("a.mjml:4: CSS to be inlined"), "{why}");
    }

    #[test]
    fn unusual_html_neither_fails_nor_changes() {
        for html in [
            "",
            "<",
            "<p",
            "<p <",
            "{{ a",
            "<style>",
            "<!--",
            "</",
            "<style>p{",
            "<b><p></b>",
            "<td>x",
            "\u{1}<p>mbq0x",
            "<p style=\"a:{{ b\">",
            "<svg><style/><p>",
        ] {
            let html = format!("<style>q{{top:0}}</style>{html}");
            let (page, _) = one("a.html", &Mapped::of(&html, 1), None).expect("read");
            assert_eq!(page.text, html);
        }
    }

    #[test]
    fn css_reaches_into_the_files_that_a_page_includes() {
        let head =
            "<style>.row td p { color: red } p:first-child { top: 0 } i { left: {{ l }} }</style>";
        let files = [
            (
                None,
                "{% extends './base.html' %}{% import \"macros.html\" as m %}{% block rows %}{% for i in items %}{% include 'row.html' %}{% endfor %}{% endblock %}",
            ),
            (
                Some("base.html"),
                &*format!(
                    "{head}<table class=row>{{% block rows %}}<tr><td><p>none{{% endblock %}}</table>{{% block end %}}<p>bye{{% endblock %}}"
                ),
            ),
            (
                Some("row.html"),
                "\n<tr><td>{{ i }}<p>x</p><p>{% include 'gone.html' ignore missing %}",
            ),
            (Some("macros.html"), "{% macro k(a) %}<i>{{ a }}</i>{% endmacro %}"),
        ];
        let texts: Vec<Mapped> = files.iter().map(|(_, text)| Mapped::of(text, 3)).collect();
        let files: Vec<File<'_>> = files
            .iter()
            .zip(&texts)
            .map(|((name, _), html)| File { name: *name, shown: name.unwrap_or("a.html"), html })
            .collect();
        let (inlined, odd) = inline(&files, 1, None).expect("inlined");
        assert_eq!(odd, Vec::<String>::new());
        let text = |number: usize| inlined[number].text.replace(";\"", "\"");
        assert_eq!(text(0), texts[0].text);
        assert!(text(1).contains("<tr><td><p>none"), "what is replaced is left: {}", text(1));
        assert_eq!(
            text(2),
            "\n<tr><td>{{ i }}<p style=\"top: 0;color: red\">x</p><p style=\"color: red\">{% include 'gone.html' ignore missing %}"
        );
        assert_eq!(text(3), "{% macro k(a) %}<i style=\"left: {{ l }}\">{{ a }}</i>{% endmacro %}");
    }

    #[test]
    fn an_element_whose_style_depends_on_the_page_is_left_as_it_is_and_named() {
        let page = |color: &str| {
            Mapped::of(
                &format!(
                    "<style>b {{ color: {color} }} i {{ top: 0 }}</style>{{% include 'x.html' %}}"
                ),
                1,
            )
        };
        let texts = [page("red"), page("blue"), Mapped::of("<i>1</i>\n<b>2</b>", 1)];
        let names = [(None, "a.html"), (None, "b.html"), (Some("x.html"), "x.html")];
        let files: Vec<File<'_>> = names
            .iter()
            .zip(&texts)
            .map(|((name, shown), html)| File { name: *name, shown, html })
            .collect();
        let (inlined, odd) = inline(&files, 2, None).expect("inlined");
        assert_eq!(odd.len(), 1);
        assert!(
            odd[0].starts_with("x.html:2: CSS is not inlined into an element whose"),
            "{odd:?}"
        );
        assert!(
            inlined[2].text.contains("<i style=\"top: 0") && inlined[2].text.ends_with("<b>2</b>")
        );
        let loops = [Mapped::of(&"{% include 'x.html' %}".repeat(40), 1)];
        let texts: Vec<Mapped> = loops
            .iter()
            .cloned()
            .chain(
                (0..20).map(|n| Mapped::of(&format!("{{% include '{n}.html' %}}").repeat(40), 1)),
            )
            .collect();
        let names: Vec<String> = std::iter::once("x.html".to_owned())
            .chain((0..20).map(|n| format!("{n}.html")))
            .collect();
        let files: Vec<File<'_>> =
            std::iter::once(File { name: None, shown: "a.html", html: &texts[0] })
                .chain(names.iter().zip(&texts[1..]).map(|(name, html)| File {
                    name: Some(name),
                    shown: name,
                    html,
                }))
                .collect();
        let why = inline(&files, 1, None).expect_err("too large").to_string();
        assert!(why.contains("too large to inline CSS"), "{why}");
    }
}
