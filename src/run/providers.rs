//! The providers that a send goes through: chosen, connected, and prepared for what the message
//! needs.

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
use crate::process;
use crate::provider::{Provider, UnsubscribeHeaders};
use crate::run::context::Context;
use crate::run::settings::{RunRoute, RunSettings};

/// The providers that a run goes through: those frozen with it, as far as they are still
/// configured.
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
            "run {} goes through {}, none of which is configured any more",
            run.id,
            frozen.providers.join(", ")
        ))
        .hint("configure one of them again under [providers]"));
    }
    Ok(route)
}

/// First choices of whole cohorts.
pub(crate) fn cohorts(chosen: &Chosen<'_>) -> Vec<(Cohort, String)> {
    let Some(route) = chosen.route else { return Vec::new() };
    let of = |cohort, name: &Option<String>| name.clone().map(|name| (cohort, name));
    [of(Cohort::Canary, &route.canary), of(Cohort::Rest, &route.rest)]
        .into_iter()
        .flatten()
        .collect()
}

/// What is not refused before a send, because a flag says so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waived {
    /// Everything goes to the provider's own sandbox, where all of this is harmless.
    pub(crate) is_sandboxed: bool,
    /// Names that are reserved for examples.
    pub(crate) examples: bool,
    /// Marketing mail without an unsubscribe link of the recipient's own.
    pub(crate) unsubscribe: bool,
}

impl Waived {
    /// As the flags of a command say.
    pub(crate) fn of(sending: &SendingArgs, is_sandboxed: bool) -> Self {
        Self {
            is_sandboxed,
            examples: sending.allow_example,
            unsubscribe: sending.allow_no_unsubscribe,
        }
    }
}

/// Finds secrets and keys wanting, what any of the providers cannot express, and what may not leave
/// the machine unless that is waived, before the list is read. Says which signatures do not speak
/// for From. From then on the message refuses rows for the same reasons.
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

/// Whether mail goes out through this provider, which adds no unsubscribe link of its own. A relay
/// on this machine passes it on.
fn leaves_unsubscribing_to_us(
    settings: &Settings,
    name: &str,
    provider: &dyn Provider,
) -> Result<bool> {
    let (_, config) = settings.provider(Some(name))?;
    let links = provider.capabilities().unsubscribe_headers;
    Ok(config.leaves_the_machine() && links != UnsubscribeHeaders::Provider)
}

/// The refusal (exit 4) of marketing mail that a recipient cannot leave by one click.
fn no_unsubscribe(name: &str, what: &str) -> Error {
    Error::refused(format!(
        "marketing mail through {name} {what}, and large receivers demand that each recipient can unsubscribe by one click"
    ))
    .hint("write unsubscribe_url = \"https://acme.example/u/{{ id }}\" under [message] with your page and a column, or public_url and unsubscribe_key under [listen] for mailbatch's own page; --allow-no-unsubscribe sends it as it is")
    .about(Subject::Template)
}

/// The signatures of a provider that do not speak for From, so that DMARC counts none of them.
fn unaligned(name: &str, provider: &dyn Provider, from: &Address) -> Vec<String> {
    let Some(Signers(signers)) = provider.dkim() else { return Vec::new() };
    let domain = domain_to_ascii(from.domain()).unwrap_or_else(|_| from.domain().to_owned());
    signers
        .iter()
        .filter(|signer| !is_aligned(&domain, &signer.domain))
        .map(|signer| {
            format!(
                "providers.{name}.dkim signs for {}, and From is under {domain}: receivers count no such signature for DMARC",
                signer.domain
            )
        })
        .collect()
}

/// Refuses (exit 4) a message with reserved names that would leave the machine through any of these
/// providers.
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
                "the message holds names that are reserved for examples and tests, and would leave this machine through {name}:\n  {}",
                found.join("\n  ")
            );
            return Err(Error::refused(what)
                .hint("write your own domain: from, reply_to and unsubscribe_url stand in mailbatch.toml or the message; --allow-example sends it as it is")
                .about(Subject::Template));
        }
    }
    Ok(())
}

/// The same as [`check`] refuses for a run that was planned when another provider was configured,
/// or by an earlier version.
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

/// A provider that is prepared for what the message needs, in its own sandbox where that is asked
/// for.
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

/// The providers of a run, connected, and who takes over in which order. A typed rate only lowers
/// each of theirs.
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
    // Out of files in mid-run, connections fail one by one and the provider is blamed.
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

/// The keys that shape a provider's requests. Those of the connection do not.
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

/// A provider of the configuration, connected, with what limits it.
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
