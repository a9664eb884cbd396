//! Writes CSS rules into the `style` attributes of the HTML elements that they apply to. This is
//! done once, when the message is loaded.
//!
//! The rule it keeps: only `style` attributes change. The styles are computed on a copy of the HTML
//! in which each element has a number and a word stands for each template tag. The computed styles
//! are then written into the original text, so all other bytes stay the same.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use css_inline::CSSInliner;

use crate::model::error::{Error, Result};

use super::mapped::{self, Mapped, Stretches};
use super::start_tag::{self, Attribute, StartTag, Wrong};
use super::{elements, escape, tags};

/// Elements whose content is not HTML.
const TEXT: [&str; 7] = ["script", "textarea", "title", "xmp", "iframe", "noembed", "noframes"];

/// An element of the original HTML.
#[derive(Debug)]
struct Element {
    /// The offset of its start tag. `inner_end` is the offset at which an attribute can be added.
    at: usize,
    inner_end: usize,
    /// The ranges of its `style` attribute and of the attribute's value.
    style: Option<(Range<usize>, Range<usize>)>,
    /// The indexes of the template tags in the element's attributes.
    templates: Range<usize>,
    /// Whether template tags between its attributes can add or remove attributes.
    is_conditional: bool,
}

/// A template tag for which a word stands in the copy.
#[derive(Debug)]
struct Template {
    /// Whether the tag is in CSS that is not part of the HTML.
    is_apart: bool,
    range: Range<usize>,
    /// Whether the tag stands for whole declarations and not for a part of one.
    is_whole: bool,
}

/// A copy of the HTML with numbered elements and with words for template tags.
struct Copy<'h> {
    html: &'h str,
    out: String,
    word: String,
    elements: Vec<Element>,
    templates: Vec<Template>,
    /// Offsets of elements whose CSS is not inlined because of conditions or loops, and why.
    left_out: Vec<(usize, &'static str)>,
}

/// Inlines the CSS of the HTML's `<style>` elements, or `css` instead if it is given. Returns the
/// HTML, and warnings about CSS that cannot be inlined.
pub(super) fn inline(
    shown: &str,
    html: &Mapped,
    css: Option<&Mapped>,
) -> Result<(Mapped, Vec<String>)> {
    let refused = |what: String| Error::refused(format!("{shown}: {what}"));
    elements::bounded(&html.text).map_err(|what| {
        refused(what).hint("use fewer elements in the message, or write it in Markdown")
    })?;
    let mut copy = Copy::of(&html.text, css.map_or("", |css| &css.text));
    let apart = css.map(|css| copy.css(css)).transpose().map_err(|at| {
        let place = css.and_then(|css| mapped::find(&css.places, &css.text, at));
        let place = place
            .map_or(shown.to_owned(), |(file, line)| format!("{}:{line}", file.unwrap_or(shown)));
        Error::refused(format!("{place}: CSS to be inlined contains a condition or a loop")).hint(
            "use {{ ... }} in the CSS, or put the condition into the style attribute of an element",
        )
    })?;
    if copy.read(css.is_none()).is_err() {
        // The template engine reports this error with its place.
        return Ok((html.clone(), Vec::new()));
    }
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
    let mut page = Mapped::default();
    let (own, apart) = (Stretches::of(html), css.map(Stretches::of));
    let mut done = 0;
    for (number, element) in copy.elements.iter().enumerate() {
        let Some(style) = styles.get(&number).filter(|style| copy.is_new(element, style)) else {
            continue;
        };
        let (from, to) = match &element.style {
            Some((attribute, _)) => (attribute.start, attribute.end),
            None => (element.inner_end, element.inner_end),
        };
        own.push(&mut page, done..from);
        page.push(if element.style.is_some() { "style=\"" } else { " style=\"" });
        copy.push_style(&mut page, (&own, apart.as_ref()), element, style).map_err(|()| {
            let line = mapped::find(&html.places, &html.text, element.at);
            let place = line.map_or(shown.to_owned(), |(file, line)| {
                format!("{}:{line}", file.unwrap_or(shown))
            });
            Error::refused(format!(
                "{place}: CSS cannot be inlined into a style attribute with this template tag"
            ))
            .hint("write the tag as a property's value: property: {{ value }}")
        })?;
        page.push("\"");
        done = to;
    }
    own.push(&mut page, done..html.text.len());
    let notes = copy.left_out.iter().map(|(at, what)| {
        let line = mapped::find(&html.places, &html.text, *at);
        let place = line
            .map_or(shown.to_owned(), |(file, line)| format!("{}:{line}", file.unwrap_or(shown)));
        format!("{place}: {what}")
    });
    Ok((page, notes.collect()))
}

impl<'h> Copy<'h> {
    fn of(html: &'h str, css: &str) -> Self {
        let mut word = "mbq".to_owned();
        while html.contains(&word) || css.contains(&word) {
            word.push('q');
        }
        Self {
            html,
            out: String::with_capacity(html.len()),
            word,
            elements: Vec::new(),
            templates: Vec::new(),
            left_out: Vec::new(),
        }
    }

    fn word(&mut self, is_apart: bool, range: Range<usize>, is_whole: bool) -> String {
        self.templates.push(Template { is_apart, range, is_whole });
        format!("{}{}x", self.word, self.templates.len() - 1)
    }

    /// Returns separate CSS with a word for each template tag. The error is the offset of a
    /// statement, which cannot be inlined.
    fn css(&mut self, css: &Mapped) -> std::result::Result<String, usize> {
        let found = tags::all(&css.text).map_err(|tags::Unclosed(at)| at)?;
        let (mut out, mut done) = (String::new(), 0);
        for tag in found {
            out.push_str(&css.text[done..tag.range.start]);
            done = tag.range.end;
            match tag.kind {
                tags::Kind::Print => out.push_str(&self.word(true, tag.range, false)),
                tags::Kind::Comment => {}
                tags::Kind::Block | tags::Kind::Raw => return Err(tag.range.start),
            }
        }
        out.push_str(&css.text[done..]);
        Ok(out)
    }

    /// Writes the copy. Returns an error if a template tag is not closed.
    fn read(&mut self, has_styles: bool) -> std::result::Result<(), ()> {
        let (html, mut at) = (self.html, 0);
        while at < html.len() {
            let rest = &html[at..];
            if let Some(tag) = tags::at(html, at).map_err(drop)? {
                // The output of the tag counts as content for selectors such as `:empty`.
                self.out.push_str(if tag.kind == tags::Kind::Print { "x" } else { "" });
                at = tag.range.end;
            } else if rest.starts_with("<!--") {
                at += rest.find("-->").map_or(rest.len(), |end| end + 3);
            } else if start_tag::begins(rest) {
                match start_tag::read(html, at) {
                    Ok(tag) => at = self.element(at, &tag, has_styles)?,
                    Err(Wrong::Unclosed(_)) => at += 1,
                    Err(Wrong::UnclosedTemplate(_)) => return Err(()),
                }
            } else if rest.starts_with("</") || rest.starts_with("<!") {
                let end = rest.find('>').map_or(rest.len(), |end| end + 1);
                self.out.push_str(&rest[..end]);
                at += end;
            } else {
                let first = rest.chars().next().map_or(1, char::len_utf8);
                let end = rest[first..].find(['<', '{']).map_or(rest.len(), |end| first + end);
                self.out.push_str(if rest[..end].trim().is_empty() { " " } else { "x" });
                at += end;
            }
        }
        Ok(())
    }

    /// Copies an element's start tag, and the whole element if its content is not HTML. Returns the
    /// offset after it.
    fn element(
        &mut self,
        at: usize,
        tag: &StartTag,
        has_styles: bool,
    ) -> std::result::Result<usize, ()> {
        let html = self.html;
        let (first, number) = (self.templates.len(), self.elements.len());
        self.out.push_str(&format!("<{} data-{}=\"{number}\"", tag.name, self.word));
        for attribute in &tag.attributes {
            let text = self.value(attribute);
            self.out.push_str(&format!(" {}=\"{}\"", attribute.name, text.replace('"', "&quot;")));
        }
        let style = tag.attribute("style");
        self.elements.push(Element {
            at,
            inner_end: tag.inner_end,
            style: style.map(|style| (style.range.clone(), style.value.clone())),
            templates: first..self.templates.len(),
            is_conditional: tag.tag_among.is_some(),
        });
        if tag.tag_among.is_some() {
            self.left_out.push((
                at,
                "CSS is not inlined into an element with template tags among its attributes",
            ));
        }
        let is_style = tag.name.eq_ignore_ascii_case("style");
        let is_text = is_style || TEXT.iter().any(|name| tag.name.eq_ignore_ascii_case(name));
        if !is_text || tag.is_empty {
            self.out.push_str(if tag.is_empty { "/>" } else { ">" });
            return Ok(tag.end);
        }
        let end = tag.end + content_length(&html[tag.end..], &tag.name);
        // CSS for print or small screens must not be inlined, because it does not apply everywhere.
        let is_for_some = tag.attribute("media").is_some_and(|media| {
            let media = html[media.value.clone()].trim();
            !matches!(media, "" | "all" | "screen")
        });
        if is_style && has_styles && !is_for_some {
            match self.style(tag.end..end)? {
                Some(css) => self.out.push_str(&format!(">{css}")),
                None => self.out.push('>'),
            }
        } else {
            self.out.push('>');
        }
        Ok(end)
    }

    /// Returns an attribute's value with a word for the template tags in it.
    fn value(&mut self, attribute: &Attribute) -> String {
        let (html, value) = (self.html, attribute.value.clone());
        let Some(template) = attribute.template.clone() else { return html[value].to_owned() };
        let before = &html[value.start..template.start];
        let behind = &html[template.end..value.end];
        let is_whole = attribute.name.eq_ignore_ascii_case("style")
            && (before.trim_end().is_empty() || before.trim_end().ends_with(';'))
            && (behind.trim_start().is_empty() || behind.trim_start().starts_with(';'));
        let word = self.word(false, template, is_whole);
        if is_whole {
            format!("{before}--{word}:0{behind}")
        } else {
            format!("{before}{word}{behind}")
        }
    }

    /// Returns the CSS of a `<style>` element. `None` if it contains conditions or loops.
    fn style(&mut self, range: Range<usize>) -> std::result::Result<Option<String>, ()> {
        let css = &self.html[range.clone()];
        let found = tags::all(css).map_err(drop)?;
        if found.iter().any(|tag| matches!(tag.kind, tags::Kind::Block | tags::Kind::Raw)) {
            self.left_out
                .push((range.start, "CSS is not inlined from a <style> with conditions or loops"));
            return Ok(None);
        }
        let (mut out, mut done) = (String::new(), 0);
        for tag in found {
            out.push_str(&css[done..tag.range.start]);
            done = tag.range.end;
            if tag.kind == tags::Kind::Print {
                let place = range.start + tag.range.start..range.start + tag.range.end;
                out.push_str(&self.word(false, place, false));
            }
        }
        out.push_str(&css[done..]);
        Ok(Some(out))
    }

    /// Returns the `style` attribute of each element after inlining, by the element's number.
    fn styles<'i>(&self, inlined: &'i str) -> HashMap<usize, &'i str> {
        let (mut styles, mut at) = (HashMap::new(), 0);
        let number_name = format!("data-{}", self.word);
        while let Some(start) = inlined[at..].find('<').map(|start| at + start) {
            at = start + 1;
            if inlined[start..].starts_with("<!--") {
                at = inlined[start..].find("-->").map_or(inlined.len(), |end| start + end + 3);
            } else if start_tag::begins(&inlined[start..]) {
                let Ok(tag) = start_tag::read(inlined, start) else { continue };
                at = tag.end;
                let value = |name: &str| Some(&inlined[tag.attribute(name)?.value.clone()]);
                let number = value(&number_name).and_then(|number| number.parse().ok());
                if let (Some(number), Some(style)) = (number, value("style")) {
                    // The HTML parser may repeat an element. Its first copy has the styles.
                    styles.entry(number).or_insert(style);
                }
                if tag.name == "style" {
                    at += content_length(&inlined[at..], &tag.name);
                }
            }
        }
        styles
    }

    /// Whether inlining changed an element's style.
    fn is_new(&self, element: &Element, style: &str) -> bool {
        let Some((_, value)) = &element.style else { return !element.is_conditional };
        let mut old = self.html[value.clone()].to_owned();
        for number in element.templates.clone().rev() {
            let template = &self.templates[number];
            if template.range.start >= value.start && template.range.end <= value.end {
                let word = format!("{}{number}x", self.word);
                let word = if template.is_whole { format!("--{word}:0") } else { word };
                let from = template.range.start - value.start;
                old.replace_range(from..template.range.end - value.start, &word);
            }
        }
        !element.is_conditional
            && escape::without_references(&old) != escape::without_references(style)
    }

    /// Appends a style with the original template tags in place of their words. Returns an error if
    /// a tag is missing.
    fn push_style(
        &self,
        page: &mut Mapped,
        (own, apart): (&Stretches<'_>, Option<&Stretches<'_>>),
        element: &Element,
        style: &str,
    ) -> std::result::Result<(), ()> {
        let mut met = Vec::new();
        let (mut rest, mut whole) = (style, Vec::new());
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
                let from = apart.filter(|_| template.is_apart).unwrap_or(own);
                from.push(page, template.range.clone());
            }
        }
        page.push(rest);
        // The author's declarations override inlined ones, so they must come last.
        for template in whole {
            if !page.text.trim_end().ends_with([';', '"']) {
                page.push(";");
            }
            own.push(page, template.range.clone());
        }
        let is_lost = |number: &usize| {
            let range = &self.templates[*number].range;
            let is_in_style = element
                .style
                .as_ref()
                .is_some_and(|(_, value)| value.start <= range.start && range.end <= value.end);
            is_in_style && !met.contains(number)
        };
        if element.templates.clone().any(|number| is_lost(&number)) { Err(()) } else { Ok(()) }
    }
}

/// Returns the length of the content of an element whose content is not HTML.
fn content_length(text: &str, name: &str) -> usize {
    let end = memchr::memmem::find_iter(text.as_bytes(), "</").find(|at| {
        let found = text.as_bytes().get(at + 2..at + 2 + name.len());
        found.is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
    });
    end.unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inlined(html: &str) -> String {
        let (page, odd) = inline("a.html", &Mapped::of(html, 1), None).expect("inlined");
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
        let (page, odd) = inline("a.html", &Mapped::of(html, 7), None).expect("inlined");
        assert_eq!(page.text, html);
        assert_eq!(odd.len(), 2);
        assert!(odd[0].starts_with("a.html:7: CSS is not inlined from a <style>"), "{odd:?}");
        assert!(odd[1].starts_with("a.html:8: CSS is not inlined into an element"), "{odd:?}");
    }

    #[test]
    fn css_given_apart_may_have_values_and_no_conditions() {
        let html = Mapped::of("<p class=\"a\">x</p>", 1);
        let css = Mapped::of("\n.a { color: {{ c }} }", 3);
        let (page, _) = inline("a.mjml", &html, Some(&css)).expect("inlined");
        assert!(page.text.starts_with("<p class=\"a\" style=\"color: {{ c }}"), "{}", page.text);
        let at = page.text.find("{{ c").expect("it is there");
        assert_eq!(mapped::find(&page.places, &page.text, at), Some((None, 4)));
        let css = Mapped::of("\n{% if x %}.a { color: red }{% endif %}", 3);
        let why = inline("a.mjml", &html, Some(&css)).expect_err("refused").to_string();
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
            let (page, _) = inline("a.html", &Mapped::of(&html, 1), None).expect("read");
            assert_eq!(page.text, html);
        }
    }
}
