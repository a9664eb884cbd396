//! Templates that read much in few engine steps.

use minijinja::{Environment, UndefinedBehavior};

use super::allowance::{Exceeded, fuel, leave};
use super::counted::{Around, install};
use super::guarded::Guarded;

/// The result of a template that may read this many bytes.
fn rendered(template: &str, bytes: usize) -> Result<String, minijinja::Error> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_debug(true);
    env.set_fuel(Some(fuel(0)));
    install(&mut env, Around::NOTHING);
    let text = Guarded::of(template, false).expect("a template").text;
    env.add_template_owned("t", text).unwrap_or_else(|why| panic!("{template}: {why}"));
    leave(bytes);
    env.get_template("t").expect("it was added").render(minijinja::context! {})
}

/// A template with large lists of numbers, texts and maps, a large text, and a loop that evaluates
/// `expression` repeatedly.
fn repeated(expression: &str) -> String {
    format!(
        "{{% set l = range(20000)|list %}}{{% set m = range(20000)|list %}}\
         {{% set t = ['x' * 1000] * 2000 %}}{{% set d = [{{'a': 'x' * 1000}}] * 2000 %}}\
         {{% set s = 'é' * 100000 %}}{{% set k = {{'a': 1}} %}}\
         {{% for i in range(60000) %}}{{% set x = {expression} %}}{{% endfor %}}"
    )
}

#[test]
fn what_looks_through_much_in_one_step_is_work() {
    for expression in [
        "-1 in l",
        "-1 not in l",
        "-1 in range(20000)",
        "l == m",
        "l != m",
        "l < m",
        "l is eq(m)",
        "-1 is in(l)",
        "s is upper",
        "s is endingwith(s)",
        "s in k",
        "k[s]",
        "k|attr(s)",
        "{s: 1}",
        "dict({s: 1})",
        "s[-1]",
        "s[i + 50000]",
        "s[1000]",
        "range(20000)[-1]",
        "l|last",
        "l|select('in', l)|list",
        "t|select('eq', 'x' * 1000)|list",
        "t|reject('in', ['z'] * 1000)|list",
        "d|selectattr('a', 'in', 'y' * 10000)|list",
        "d|map(attribute='a.b' * 1000, default=1)|list",
        "t|map('upper')|list",
        "t|sort",
        "t|unique|list",
        "d|groupby('a')",
        "d|sort(attribute='a')",
        "t|min",
        "('a' * 9000)|trim('b' * 9000 ~ 'a')",
        "s|trim('é' * 1000)",
        "loop.changed(l, i)",
        "loop.changed(i, *l)",
        "loop.cycle(*l)",
        "[l]",
        "namespace(a=l)",
        "l|length if l else l",
        "l|batch(100)",
        "l|slice(100)",
        "l|join('')",
        "l|tojson",
        "s|urlencode",
        "s|replace('x', 'y')",
        "s|split('x')",
        "s|int(default=0)",
    ] {
        let template = repeated(expression);
        let error = rendered(&template, 16 << 20).expect_err(expression);
        let why = Exceeded::behind(&error);
        // The output is counted as well, and may exceed its limit first.
        assert!(matches!(why, Some(Exceeded::Work | Exceeded::Text)), "{expression}: {error:?}");
    }
    let recursive = "{% set l = range(20000)|list %}{% for i in range(60000) recursive %}\
                     {% if loop.depth == 1 %}{{ loop(l) }}{% endif %}{% break %}{% endfor %}";
    let recursive = recursive.replace("{% break %}", "");
    assert!(rendered(&recursive, 4 << 20).is_err());
}

#[test]
fn sums_of_texts_and_lists_are_text_that_is_made() {
    for sum in [
        "(['x' * 10000000] * 1000)|sum(start='')",
        "([{'a': 'x' * 10000000}] * 1000)|sum('a', start='')",
        "([[1] * 100000] * 1000)|sum(start=[])|length",
    ] {
        let error = rendered(&format!("{{{{ {sum} }}}}"), 1 << 30).expect_err(sum);
        let why = Exceeded::behind(&error);
        assert!(matches!(why, Some(Exceeded::Work | Exceeded::Text)), "{sum}: {error:?}");
    }
}

#[test]
fn what_is_worked_out_late_is_worked_out_at_once_and_overflows_no_stack() {
    for step in ["n.x[0:]", "n.x|reverse", "n.x * 1", "n.x + []", "n.x|chain([])", "n.x|map('int')"]
    {
        let template = format!(
            "{{% set n = namespace(x=[3, 1, 2]) %}}{{% for i in range(20000) %}}\
             {{% set n.x = {step} %}}{{% endfor %}}{{{{ n.x|length }}}}"
        );
        assert_eq!(rendered(&template, 1 << 30).expect(step), "3", "{step}");
    }
    let maps = "{% set n = namespace(x={'a': 1}) %}{% for i in range(20000) %}\
                {% set n.x = n.x|chain({'b': i}) %}{% endfor %}{{ n.x }}";
    assert_eq!(rendered(maps, 1 << 30).expect("maps"), "{'a': 1, 'b': 19999}");
}

#[test]
fn what_templates_do_with_ordinary_rows_means_what_it_meant() {
    for (template, wanted) in [
        ("{{ {'a': [1]}.a }} {{ [1, 2][1] }} {{ [[1], [2]][1][0] }}", "[1] 2 2"),
        (
            "{{ 'Zoë'[-1] }}{{ 'Zoë'[1:][0] }} {{ [1, 2, 3][1:] }} {{ [1, 2, 3][::-1][0] }}",
            "ëo [2, 3] 3",
        ),
        ("{{ ([1, 2] + [3])[2] }} {{ 1 + 2 * 3 }} {{ 'a' + 'b' }}", "3 7 ab"),
        (
            "{% for x in [1, 1, 2] %}{{ loop.changed(x) }}{{ loop.cycle('a', 'b') }} {% endfor %}",
            "Truea Falseb Truea ",
        ),
        (
            "{% for x in [[1, [2]]] recursive %}{{ loop(x) if x is sequence else x }}{% endfor %}",
            "12",
        ),
        (
            "{{ none is defined }}{{ nothing is defined }}{{ [1][nothing|default(0)] }}",
            "TrueFalse1",
        ),
        (
            "{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(*[1]) }}{{ m(**{'a': 3}) }}",
            "1232",
        ),
        ("{{ 'x' in ['x'] }}{{ 'x' not in {'x': 1} }}{{ 1 in [1] == true }}", "TrueFalseFalse"),
        (
            "{{ ['b', 'A', 'a']|sort|join }}{{ ['b', 'B']|unique|list }}{{ [3, 4]|sum }}",
            "Aab['b']7",
        ),
        ("{{ [[1], [2]]|sum(start=[]) }}{{ ['a', 'b']|sum(start='') }}", "[1, 2]ab"),
        ("{{ [{'a': 1}, {'a': 2}]|selectattr('a', 'gt', 1)|map(attribute='a')|list }}", "[2]"),
        ("{{ '..a..'|trim('.') }}{{ 'a' is lower }}{{ 'abc' is startingwith('a') }}", "aTrueTrue"),
        ("{{ ({'a': 1}|chain({'b': 2})).b }}{{ {'a': 1}|dictsort }}", "2[('a', 1)]"),
    ] {
        let got = rendered(template, 1 << 30).unwrap_or_else(|why| panic!("{template}: {why:?}"));
        assert_eq!(got, wanted, "{template}");
    }
    for template in [
        "{% for x in [1] %}{{ loop.cycle() }}{% endfor %}",
        "{% for x in [1] %}{{ loop.cycle(*[]) }}{% endfor %}",
    ] {
        rendered(template, 1 << 30).expect_err(template);
    }
}
