//! Chooses, connects and prepares the providers of a send.

use std::sync::Arc;

use crate::cli::SendingArgs;
use crate::config::{Chosen, ProviderConfig, Settings};
use crate::content::Needs;
use crate::dkim::{Signers, is_aligned};
use crate::ledger::{Ledger, Run};
use crate::message::Message;
use crate::model::address::{Address, domain_to_ascii};
use crate::model::error::{Error, Result, Subject};
use crate::model::literal::Rate;
use crate::model::outcome::Cohort;
use crate::pipeline::{ConfiguredProvider, LedgerMemory, RetryPolicy};
use crate::plan::Survey;
use crate::process;
use crate::provider::{Provider, UnsubscribeHeaders};
use crate::run::context::Context;
use crate::run::settings::{RunRoute, RunSettings};

/// Returns the providers that a run was planned with and that are still configured.
fn route_of(settings: &Settings, run: &Run, frozen: Option<&RunRoute>) -> Result<RunRoute> {
    let Some(frozen) = frozen else {
        let (name, _) = settings.provider(Some(&run.head.provider))?;
        return Ok(RunRoute { providers: vec![name.to_owned()], order: vec![name.to_owned()] });
    };
    let is_there = |name: &&String| settings.providers.iter().any(|(known, _)| known == *name);
    let there = |names: &[String]| names.iter().filter(is_there).cloned().collect();
    let route = RunRoute { providers: there(&frozen.providers), order: there(&frozen.order) };
    if route.providers.is_empty() {
        return Err(Error::usage(format!(
            "run {} goes through {}, but none of these providers is in the configuration now",
            run.id,
            frozen.providers.join(", ")
        ))
        .hint("add one of them to [providers] again"));
    }
    Ok(route)
}

/// Returns the provider planned for each cohort (canary or rest), if the route names one.
pub(crate) fn cohorts(chosen: &Chosen<'_>) -> Vec<(Cohort, String)> {
    let Some(route) = chosen.route else { return Vec::new() };
    let of = |cohort, name: &Option<String>| name.clone().map(|name| (cohort, name));
    [of(Cohort::Canary, &route.canary), of(Cohort::Rest, &route.rest)]
        .into_iter()
        .flatten()
        .collect()
}

/// The checks that flags switch off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waived {
    /// Whether all mail goes to the provider's own sandbox, which reaches no recipient.
    pub(crate) is_sandboxed: bool,
    /// Whether reserved example names are allowed.
    pub(crate) examples: bool,
    /// Whether marketing mail is allowed without a per-recipient unsubscribe link.
    pub(crate) unsubscribe: bool,
}

impl Waived {
    /// Collects the checks that the flags of a command switch off.
    pub(crate) fn of(sending: &SendingArgs, is_sandboxed: bool) -> Self {
        Self {
            is_sandboxed,
            examples: sending.allow_example,
            unsubscribe: sending.allow_no_unsubscribe,
        }
    }
}

/// Checks the providers before the list is read. Refuses missing secrets and keys, message features
/// that a provider does not support, and content that must not leave the machine. Prints notes on
/// DKIM signatures that do not align with From. If one-click unsubscribe is required, the message
/// afterwards refuses rows without it.
pub(crate) fn check(
    context: &Context,
    chosen: &Chosen<'_>,
    message: &mut Message,
    waived: Waived,
) -> Result<()> {
    let needs = message.needs();
    let settings = &context.settings;
    let mut through = None;
    for name in &chosen.providers {
        let provider = prepared(settings, name, &needs, waived.is_sandboxed)?;
        context.note_all(&unaligned(name, provider.as_ref(), message.from_address()));
        if leaves_unsubscribing_to_us(settings, name, provider.as_ref())? {
            through.get_or_insert(*name);
        }
    }
    if waived.is_sandboxed {
        return Ok(());
    }
    if !waived.examples {
        refuse_examples(settings, &chosen.providers, message)?;
    }
    match (through, message.lacks_one_click()) {
        (Some(_), _) if waived.unsubscribe => Ok(()),
        (Some(name), Some(what)) => Err(no_unsubscribe(name, what)),
        (Some(_), None) => {
            message.require_one_click();
            Ok(())
        }
        (None, _) => Ok(()),
    }
}

/// Whether the provider sends mail off the machine and does not add an unsubscribe link itself.
fn leaves_unsubscribing_to_us(
    settings: &Settings,
    name: &str,
    provider: &dyn Provider,
) -> Result<bool> {
    let (_, config) = settings.provider(Some(name))?;
    let links = provider.capabilities().unsubscribe_headers;
    Ok(config.leaves_the_machine() && links != UnsubscribeHeaders::Provider)
}

/// Builds the refusal (exit 4) of marketing mail without one-click unsubscribe.
fn no_unsubscribe(name: &str, what: &str) -> Error {
    Error::refused(format!(
        "marketing mail through {name} {what}, and large mailbox providers require one-click unsubscribe"
    ))
    .hint("under [message], set unsubscribe_url to your own page, with a column that identifies the recipient, such as \"https://acme.example/u/{{ id }}\"; or, for mailbatch's own page, set public_url and unsubscribe_key under [listen]; --allow-no-unsubscribe sends the message unchanged")
    .about(Subject::Template)
}

/// Returns notes on a provider's DKIM signatures that do not align with From, so that DMARC ignores
/// them.
fn unaligned(name: &str, provider: &dyn Provider, from: &Address) -> Vec<String> {
    let Some(Signers(signers)) = provider.dkim() else { return Vec::new() };
    let domain = domain_to_ascii(from.domain()).unwrap_or_else(|_| from.domain().to_owned());
    signers
        .iter()
        .filter(|signer| !is_aligned(&domain, &signer.domain))
        .map(|signer| {
            format!(
                "providers.{name}.dkim signs for {}, and From is under {domain}: receivers ignore such a signature for DMARC",
                signer.domain
            )
        })
        .collect()
}

/// Returns notes on additional requests. They are needed if rows attach their own files and a
/// provider sends the same attachments to all recipients of a request.
pub(crate) fn requests_notes<'n>(
    settings: &Settings,
    providers: impl Iterator<Item = &'n str>,
    survey: &Survey,
) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    for name in providers.filter(|_| survey.with_files > 0) {
        if settings.connect(name)?.capabilities().shares_attachments {
            notes.extend(survey.requests_note(name));
        }
    }
    Ok(notes)
}

/// Refuses (exit 4) a message that contains reserved names, if any of these providers would send it
/// off the machine.
fn refuse_examples(
    settings: &Settings,
    providers: &[impl AsRef<str>],
    message: &Message,
) -> Result<()> {
    let found = message.reserved_names();
    for name in providers.iter().filter(|_| !found.is_empty()) {
        let (name, config) = settings.provider(Some(name.as_ref()))?;
        if !config.is_on_this_machine() {
            let what = format!(
                "the message contains names that are reserved for examples and tests, and would leave this machine through {name}:\n  {}",
                found.join("\n  ")
            );
            return Err(Error::refused(what)
                .hint("write your own domain: from, reply_to and unsubscribe_url are set in mailbatch.toml or in the message; --allow-example sends it as it is")
                .about(Subject::Template));
        }
    }
    Ok(())
}

/// Repeats the refusals of [`check`] for a run that was planned with another provider or by an
/// earlier version.
pub(crate) fn check_of_run(
    settings: &Settings,
    run: &Run,
    frozen: &RunSettings,
    message: &Message,
    typed: Waived,
) -> Result<()> {
    if frozen.provider_sandbox {
        return Ok(());
    }
    let providers = route_of(settings, run, frozen.route.as_ref())?.providers;
    if !(typed.examples || frozen.allow_example) {
        refuse_examples(settings, &providers, message)?;
    }
    let Some(what) = message.lacks_one_click() else { return Ok(()) };
    if typed.unsubscribe || frozen.allow_no_unsubscribe {
        return Ok(());
    }
    for name in &providers {
        if leaves_unsubscribing_to_us(settings, name, settings.connect(name)?.as_ref())? {
            return Err(no_unsubscribe(name, what));
        }
    }
    Ok(())
}

/// Connects a provider and prepares it for the message. If `sandbox`, the provider's own sandbox is
/// used.
fn prepared(
    settings: &Settings,
    name: &str,
    needs: &Needs,
    sandbox: bool,
) -> Result<Box<dyn Provider>> {
    let mut provider = settings.connect(name)?;
    provider.prepare(name, needs)?;
    if sandbox {
        provider.enter_sandbox(name)?;
    }
    Ok(provider)
}

/// Whether mail of this run leaves the machine.
pub(crate) fn leave_the_machine(
    settings: &Settings,
    run: &Run,
    frozen: Option<&RunRoute>,
) -> Result<bool> {
    let route = route_of(settings, run, frozen)?;
    let leave = route
        .providers
        .iter()
        .map(|name| settings.provider(Some(name)).map(|(_, config)| config.leaves_the_machine()));
    leave.collect::<Result<Vec<_>>>().map(|leave| leave.contains(&true))
}

/// Connects the providers of a run. Also returns the order in which they take over from each other.
/// A rate from the command line only lowers their rates.
pub(crate) fn connect(
    settings: &Settings,
    run: &Run,
    frozen: &RunSettings,
    typed: Option<Rate>,
    needs: &Needs,
    ledger: &Arc<dyn Ledger>,
) -> Result<(Vec<ConfiguredProvider>, Vec<usize>)> {
    let sandbox = frozen.provider_sandbox;
    let route = route_of(settings, run, frozen.route.as_ref())?;
    let configured = route
        .providers
        .iter()
        .map(|name| configured(settings, name, typed, needs, sandbox, ledger))
        .collect::<Result<Vec<_>>>()?;
    // The limit of open files is checked in advance: if the process ran out of file descriptors
    // during a run, the provider would be blamed for failed connections.
    let connections = |one: &ConfiguredProvider| {
        if settings.provider(Some(&one.name)).is_ok_and(|(_, config)| !config.leaves_the_machine())
        {
            0
        } else {
            one.in_flight
        }
    };
    process::needs_files(configured.iter().map(connections).sum())?;
    let order = route
        .order
        .iter()
        .filter_map(|name| route.providers.iter().position(|known| known == name))
        .collect();
    Ok((configured, order))
}

/// Describes the settings that affect the content of requests, leaving out settings of the
/// connection.
fn shape(config: &ProviderConfig, sandbox: bool) -> String {
    const OF_THE_CONNECTION: [&str; 4] = ["api_key", "base_url", "timeouts", "ca_file"];
    let mut keys: Vec<String> = config
        .keys
        .iter()
        .filter(|(key, _)| !OF_THE_CONNECTION.contains(&key.as_str()))
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    keys.sort();
    format!("{} sandbox={sandbox} {}", config.kind, keys.join(" "))
}

/// Connects a configured provider, with its limits.
pub(crate) fn configured(
    settings: &Settings,
    name: &str,
    typed: Option<Rate>,
    needs: &Needs,
    sandbox: bool,
    ledger: &Arc<dyn Ledger>,
) -> Result<ConfiguredProvider> {
    let (name, config) = settings.provider(Some(name))?;
    let rate = match (config.rate, typed) {
        (Some(configured), Some(typed)) if !typed.is_lower_than(&configured) => Some(configured),
        (configured, typed) => typed.or(configured),
    };
    let mut provider = prepared(settings, name, needs, sandbox)?;
    provider.use_memory(Arc::new(LedgerMemory(Arc::clone(ledger))));
    Ok(ConfiguredProvider {
        name: name.to_owned(),
        request_rate: config.request_rate.or(provider.capabilities().request_rate),
        provider: Arc::from(provider),
        rate,
        caps: config.caps.clone(),
        ramp: config.ramp.clone(),
        per_domain: config.per_domain.clone(),
        in_flight: config.in_flight,
        shape: shape(config, sandbox),
        retry: RetryPolicy {
            give_up_after: config.retry.for_,
            base: config.retry.base,
            max: config.retry.max,
        },
    })
}
