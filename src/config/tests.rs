//! Whole configurations: what they come to, and how each mistake is answered.

use super::provider::RetryPolicy;
use super::*;
use crate::model::exit::Exit;
use crate::provider::ProviderSettings;

fn no_connection(_: &ProviderSettings) -> Result<Box<dyn Provider>> {
    Err(Error::internal("not in this test"))
}

static RELAY: ProviderSpec = ProviderSpec {
    kind: "smtp",
    summary: "",
    keys: &["url", "password", "auth"],
    leaves_the_machine: true,
    webhooks: &[],
    connect: no_connection,
};
static BOX: ProviderSpec = ProviderSpec {
    kind: "sandbox",
    summary: "",
    keys: &[],
    leaves_the_machine: false,
    webhooks: &[],
    connect: no_connection,
};

fn load(text: &str, env: Option<&str>) -> Result<Settings> {
    let root = PathBuf::from("/nowhere");
    let workspace = Workspace {
        state_dir: root.join(".mailbatch"),
        config_file: root.join(FILE_NAME),
        start_dir: root.clone(),
        root,
    };
    Settings::read(workspace, Document::parse(FILE_NAME, text)?, env, &[&RELAY, &BOX])
}

const WHOLE: &str = r#"
[message]
file = "welcome.md"
from = "Acme <news@acme.example>"
kind = "marketing"
[message.headers]
Feedback-ID = "spring:acme"

[list]
email = "mail"
id = "id"

[suppression]
files = ["suppressions.csv"]

[providers.relay]
kind = "smtp"
url = "smtp://user@localhost:2525"
password = { env = "RELAY_PASSWORD" }
rate = "50/s"
caps = ["10000/hour", "100000/day"]
per_domain = { "Gmail.com" = "20/s" }
retry = { for = "0" }

[canary]
size = "5%"
wait = "0"
then = "continue"
always = ["seed@acme.example"]

[env.staging]
allow = ["@acme.example", "ann@example.com"]
[env.staging.providers.relay]
kind = "sandbox"
rate = "5/s"
[env.staging.canary]
size = 20
"#;

#[test]
fn a_whole_configuration_is_read_into_types() {
    let settings = load(WHOLE, None).unwrap();
    assert_eq!(settings.message["file"].as_str(), Some("/nowhere/welcome.md"));
    assert_eq!(
        settings.list,
        ListSettings {
            email: Some("mail".into()),
            id: Some("id".into()),
            ..ListSettings::default()
        }
    );
    assert_eq!(settings.suppression_files, [PathBuf::from("/nowhere/suppressions.csv")]);
    let (name, relay) = settings.provider(None).unwrap();
    assert_eq!((name, relay.kind.as_str(), relay.in_flight), ("relay", "smtp", 8));
    assert_eq!(relay.rate.map(|r| r.to_string()).as_deref(), Some("50/s"));
    assert_eq!(
        relay.caps.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["10000/hour", "100000/day"]
    );
    assert_eq!(relay.per_domain[0].0, "gmail.com");
    assert_eq!(
        relay.retry,
        RetryPolicy { for_: std::time::Duration::ZERO, ..RetryPolicy::default() }
    );
    assert_eq!(relay.keys.keys().collect::<Vec<_>>(), ["url", "password"]);
    assert_eq!(settings.canary.max_failed.to_string(), "5%");
    assert!(settings.allow.is_none() && settings.env.is_none());
}

#[test]
fn an_environment_is_laid_above_the_rest() {
    let settings = load(WHOLE, Some("staging")).unwrap();
    let (_, relay) = settings.provider(Some("relay")).unwrap();
    assert_eq!(
        (relay.kind.as_str(), relay.rate.map(|r| r.to_string()).as_deref()),
        ("sandbox", Some("5/s"))
    );
    assert!(relay.keys.is_empty() && relay.caps.len() == 2);
    assert_eq!(settings.canary.size.map(|s| s.to_string()).as_deref(), Some("20"));
    assert_eq!(settings.canary.then, Some(crate::cli::Then::Continue));
    assert_eq!((settings.allow.unwrap().len(), settings.env.as_deref()), (2, Some("staging")));
}

#[test]
fn every_mistake_is_answered_with_line_and_fix() {
    for (text, line, says) in [
        ("[mesage]", 1, "did you mean `message`?"),
        ("\n[message]\nfrm = \"a\"", 3, "did you mean `from`?"),
        ("[message]\nkind = \"bulk\"", 2, "marketing, transactional"),
        ("[message]\ninline_css = \"yes\"", 2, "message.inline_css"),
        ("[message]\nmjml = \"a\"", 2, "message.mjml is known, but not built yet"),
        ("[message.headers]\nX = 1", 2, "message.headers.X is not a text"),
        ("message = 1", 1, "write [message]"),
        ("[list]\nemail = \"\"", 2, "list.email"),
        ("[list]\ncolumn = \"\"", 2, "known here: email, id"),
        ("[state]\nurl = \"postgres://user@host/mailbatch\"", 2, "not built yet"),
        ("[route]\norder = []", 2, "route.order is empty"),
        ("[providers.r]\nkind = \"smtp\"\n[route]\norder = [\"r\", \"r\"]", 4, "names r twice"),
        (
            "[providers.r]\nkind = \"smtp\"\n[route]\nweights = { r = 0 }",
            4,
            "gives no provider a share",
        ),
        (
            "[providers.r]\nkind = \"smtp\"\n[route]\nweights = { r = -1 }",
            4,
            "route.weights.r is not a whole number",
        ),
        (
            "[providers.r]\nkind = \"smtp\"\n[route]\nweights = { r = \"3\" }",
            4,
            "route.weights.r is not a whole number",
        ),
        (
            "[providers.r]\nkind = \"smtp\"\n[route]\norder = [\"r\"]\ndomains = { \"gmail.com\" = \"x\" }",
            5,
            "there is no provider \"x\"",
        ),
        (
            "[providers.r]\nkind = \"smtp\"\n[route]\norder = [\"r\"]\ndomains = { \"A.com\" = \"r\", \"a.com\" = \"r\" }",
            5,
            "is there twice",
        ),
        (
            "[providers.r]\nkind = \"smtp\"\n[route]\norder = [\"r\"]\ncohorts = { canray = \"r\" }",
            5,
            "did you mean `canary`?",
        ),
        ("[route]\ndomains = {}", 1, "[route] says neither order nor weights"),
        ("[pause]\nrule = []", 2, "did you mean `rules`?"),
        (
            "[pause]\nrules = \"bounced > 5% over 1h\"",
            2,
            "write rules = [\"bounced > 5% over 1h\"]",
        ),
        (
            "[pause]\nrules = [\"bounced > 5% over 1h\", \"opened > 5% over 1h\"]",
            2,
            "entry 2: unknown word \"opened\"",
        ),
        ("[pause]\nrules = [\"bounced over 5%\"]", 2, "is not of the form"),
        ("[canary]\nwait = \"15\"", 2, "has no unit"),
        ("[canary]\nwait = 15", 2, "write wait = \"15m\""),
        ("[canary]\nwait_complained = \"9999d\"", 2, "longer than 30 days"),
        ("[canary]\nextend = \"much\"", 2, "is not a canary size"),
        ("[canary]\nmax_bounced = \"2\"", 2, "is not a percentage"),
        ("[canary]\nmax_complained = \"101%\"", 2, "not between 0% and 100%"),
        ("[canary]\nmax_failed = 5", 2, "max_failed = \"5%\""),
        ("[canary]\nsize = -1", 2, "canary.size"),
        ("[canary]\nthen = \"go\"", 2, "ask, continue, stop"),
        ("[canary]\nalways = [\"a@example.com\", \"nobody\"]", 2, "entry 2: address has no @"),
        ("[suppression]\nfiles = \"s.csv\"", 2, "files = [\"suppressions.csv\"]"),
        ("allow = []", 1, "[env.NAME]"),
        ("[env.a]\nallow = [\"x\"]", 2, "entry 1: address has no @"),
        ("[env.a.lst]", 1, "did you mean `list`?"),
        ("[env.a.env.b]", 1, "holds no other"),
        ("env = \"staging\"", 1, "env is a table"),
        ("a = 1\na = 2", 2, "duplicate key"),
        ("[providers.\"a/b\"]\nkind = \"smtp\"", 1, "no name for a provider"),
        ("[providers.r]\nurl = \"smtp://h\"", 2, "providers.r.kind is missing"),
        ("[providers.r]", 1, "providers.r.kind is missing"),
        ("[providers.r]\nkind = \"smpt\"", 2, "use one of: smtp, sandbox"),
        ("[providers.r]\nkind = \"smtp\"\nrates = \"1/s\"", 3, "did you mean `rate`?"),
        ("[providers.r]\nkind = \"smtp\"\nrate = \"0/s\"", 3, "would never send"),
        ("[providers.r]\nkind = \"smtp\"\nrate = 0", 3, "rate = \"50/s\""),
        ("[providers.r]\nkind = \"smtp\"\ncaps = [\"0/hour\"]", 3, "would never send"),
        ("[providers.r]\nkind = \"smtp\"\nin_flight = 0", 3, "from 1 to 256"),
        ("[providers.r]\nkind = \"smtp\"\nin_flight = 257", 3, "from 1 to 256"),
        ("[providers.r]\nkind = \"smtp\"\nper_domain = { \"a b\" = \"1/s\" }", 3, "per_domain"),
        (
            "[providers.r]\nkind = \"smtp\"\nper_domain = { \"a.com\" = \"1/s\", \"A.com\" = \"2/s\" }",
            3,
            "there twice",
        ),
        ("[providers.r]\nkind = \"smtp\"\nretry = { base = \"0\" }", 3, "never let go"),
        (
            "[providers.r]\nkind = \"smtp\"\nretry = { base = \"9s\", max = \"2s\" }",
            3,
            "shorter than",
        ),
        ("[providers.r]\nkind = \"smtp\"\nretry = { times = 3 }", 3, "known here: for, base, max"),
        ("[providers.r]\nkind = \"smtp\"\nrequest_rate = \"1/s\"", 3, "unknown key `request_rate`"),
        ("[providers.r]\nkind = \"smtp\"\nramp = []", 3, "has no day"),
        ("[providers.r]\nkind = \"smtp\"\nramp = [50, 0]", 3, "for day 2"),
        ("[providers.r]\nkind = \"smtp\"\nramp = [50, \"100/day\"]", 3, "for day 2"),
        ("[providers.r]\nkind = \"smtp\"\nramp = \"50\"", 3, "not a list of numbers"),
        ("[providers.r]\nkind = \"smtp\"\nwebhook_secret = { env = \"X\" }", 3, "has none"),
        ("[listen]\naddr = \"localhost\"", 2, "an IP address and a port"),
        ("[listen]\npublic_url = \"mail.acme.example\"", 2, "not a valid URL"),
        ("[listen]\npublic_url = \"https://u:p@mail.acme.example\"", 2, "an https address alone"),
        ("[listen]\nunsubscribe_key = \"abc\"", 2, "literal secret"),
        ("[listen]\ntls_cert = \"a.pem\"", 2, "without listen.tls_key"),
        ("[listen]\nport = 80", 2, "unknown key"),
        ("[providers.r]\nkind = \"smtp\"\npassword = \"hunter2\"", 3, "{ env = \"NAME\" }"),
        (
            "[providers.r]\nkind = \"smtp\"\npassword = { value = \"hunter2\" }",
            3,
            "does not say where",
        ),
        ("[providers.r]\nkind = \"smtp\"\nurl = \"smtp://me:hunter2@h\"", 3, "holds a password"),
    ] {
        let error = load(text, None).expect_err(text);
        assert_eq!(error.exit(), Exit::USAGE);
        let error = error.to_string();
        assert!(
            error.starts_with(&format!("mailbatch.toml:{line}: ")) && error.contains(says),
            "{text}\n{error}"
        );
        assert!(error.contains("\nhint: ") && !error.contains("hunter2"), "{text}\n{error}");
    }
}

#[test]
fn an_environment_that_does_not_exist_is_refused_with_those_that_do() {
    let error = load(WHOLE, Some("production")).unwrap_err().to_string();
    assert!(error.contains("no [env.production]") && error.contains("it has: staging"), "{error}");
    assert!(load("", Some("x")).unwrap_err().to_string().contains("it has none"));
}

#[test]
fn a_provider_is_chosen_only_where_one_can_be_meant() {
    let two =
        load("[providers.a]\nkind = \"smtp\"\n[providers.b]\nkind = \"sandbox\"", None).unwrap();
    assert!(two.provider(None).unwrap_err().to_string().contains("one of: a, b"));
    assert_eq!(two.provider(Some("b")).unwrap().1.kind, "sandbox");
    assert!(two.provider(Some("c")).unwrap_err().to_string().contains("no provider \"c\""));
    assert!(
        load("", None)
            .unwrap()
            .provider(None)
            .unwrap_err()
            .to_string()
            .contains("no provider is configured")
    );
}

#[test]
fn a_route_chooses_its_providers_and_a_named_one_comes_before_it() {
    let providers = "[providers.a]\nkind = \"smtp\"\n[providers.b]\nkind = \"sandbox\"\n[providers.c]\nkind = \"smtp\"\n";
    let route = "[route]\nweights = { b = 3, a = 1 }\ndomains = { \"Gmail.com\" = \"c\" }\n[env.x.route]\norder = [\"a\"]";
    let settings = load(&format!("{providers}{route}"), None).unwrap();
    assert_eq!(settings.chosen(None).unwrap().label(), "b, a, c");
    assert_eq!(
        settings.route.as_ref().unwrap().domains,
        [("gmail.com".to_owned(), "c".to_owned())]
    );
    let one = settings.chosen(Some("c")).unwrap();
    assert_eq!((one.label(), one.route), ("c".to_owned(), None));
    // With both, the order is that of the failover.
    assert_eq!(
        load(&format!("{providers}{route}"), Some("x")).unwrap().route.unwrap().order,
        ["a", "b"]
    );
    assert!(
        load(providers, None).unwrap().chosen(None).unwrap_err().to_string().contains("[route]")
    );
}

#[test]
fn shown_settings_have_an_origin_and_no_secret() {
    let shown =
        load(&WHOLE.replace("{ env = \"RELAY_PASSWORD\" }", "{ command = \"get hunter2\" }"), None)
            .unwrap()
            .shown();
    let find =
        |key: &str| shown.iter().find(|s| s.key == key).unwrap_or_else(|| panic!("no {key}"));
    assert_eq!(find("providers.relay.rate").origin, "mailbatch.toml:20");
    assert_eq!(find("providers.relay.in_flight").origin, "default");
    assert_eq!(find("providers.relay.per_domain.\"Gmail.com\"").value, "\"20/s\"");
    assert_eq!(find("providers.relay.password").value, "{ command = … }");
    assert!(shown.iter().all(|s| !s.value.contains("hunter2")));
    assert!(shown.iter().all(|s| !s.key.starts_with("env.")));
}

#[test]
fn how_lists_are_read_can_be_configured() {
    let list = load(
        "[list]\nformat = \"csv\"\nencoding = \"latin1\"\ndelimiter = \"tab\"\nskip_lines = 2\n",
        None,
    )
    .unwrap()
    .list;
    assert_eq!(
        (list.format, list.encoding.as_deref(), list.delimiter),
        (Some(crate::input::Format::Csv), Some("windows-1252"), Some(b'\t'))
    );
    assert_eq!(list.skip_lines, Some(2));
    for (line, says) in [
        ("format = \"xls\"", "list.format: unknown format"),
        ("encoding = \"klingon\"", "list.encoding: unknown encoding"),
        ("delimiter = \"xy\"", "list.delimiter: "),
        ("skip_lines = -1", "list.skip_lines is not a whole number"),
        ("zone = \"Mars/Olympus\"", "list.zone: \"Mars/Olympus\" is no time zone"),
        ("delimeter = \";\"", "did you mean `delimiter`?"),
    ] {
        let error = load(&format!("[list]\n{line}\n"), None).unwrap_err().to_string();
        assert!(error.contains(":2: ") && error.contains(says), "{line}: {error}");
    }
}
