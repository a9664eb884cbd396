//! `mailbatch provider`: lists, shows and tests providers without sending mail.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::cli::{Globals, MessageArgs, ProviderArgs, ProviderCommand};
use crate::dkim::Signer;
use crate::model::error::Result;
use crate::model::exit::Exit;
use crate::pipeline::LedgerMemory;
use crate::provider::account::{About, Finding, State};
use crate::provider::{Capabilities, Form, UnsubscribeHeaders};
use crate::run::console::say;
use crate::run::context::Context;

pub(crate) async fn run(globals: &Globals, args: &ProviderArgs) -> Result<Exit> {
    let context = Context::new(globals, args.env.as_deref())?;
    match &args.command {
        ProviderCommand::List => list(&context),
        ProviderCommand::Show(which) => show(&context, &which.name),
        ProviderCommand::Test(which) => test(&context, &which.name).await,
    }
}

/// Lists the configured providers without a request to any of them.
fn list(context: &Context) -> Result<Exit> {
    let origins = context.settings.shown();
    let mut text = String::new();
    for (name, config) in &context.settings.providers {
        let key = format!("providers.{name}.kind");
        let origin =
            origins.iter().find(|shown| shown.key == key).map_or("", |shown| shown.origin.as_str());
        let rate = config.rate.map(|rate| rate.to_string());
        let caps: Vec<String> = config.caps.iter().map(ToString::to_string).collect();
        // Resolving a secret may block, because it may run a command.
        let problem = tokio::task::block_in_place(|| context.settings.connect(name))
            .err()
            .map(|error| error.to_string());
        if context.globals.json {
            let row = json!({
                "v": 1, "type": "provider", "provider": name, "kind": config.kind, "origin": origin, "in_flight": config.in_flight,
                "rate": rate, "caps": caps, "usable": problem.is_none(), "problem": problem,
            });
            text.push_str(&format!("{row}\n"));
            continue;
        }
        let limits = rate.into_iter().chain(caps).collect::<Vec<_>>().join(", ");
        let limits = if limits.is_empty() { "no rate" } else { &limits };
        let secret = problem
            .as_deref()
            .map_or("secrets resolve", |problem| problem.lines().next().unwrap_or_default());
        text.push_str(&format!(
            "{name:<16} {:<10} {origin:<20} in_flight {:<4} {limits:<24} {secret}\n",
            config.kind, config.in_flight
        ));
    }
    if text.is_empty() {
        // The list is empty, so this call returns the usual error for a missing provider.
        context.settings.provider(None)?;
    }
    say(&mut std::io::stdout(), &text)?;
    Ok(Exit::OK)
}

fn show(context: &Context, name: &str) -> Result<Exit> {
    let (name, config) = context.settings.provider(Some(name))?;
    let mut provider = tokio::task::block_in_place(|| context.settings.connect(name))?;
    let capabilities = provider.capabilities().clone();
    let reply = provider
        .account_api()
        .map_or(crate::provider::account::EACH_ITS_OWN, |account| account.reply());
    let suppressions =
        provider.account_api().is_some_and(|account| account.suppressions().is_some());
    let has_sandbox = provider.enter_sandbox(name).is_ok();
    let summary = crate::provider::table::find(&config.kind).map_or("", |spec| spec.summary);
    let unsubscribe = match capabilities.unsubscribe_headers {
        UnsubscribeHeaders::Ours => "ours",
        UnsubscribeHeaders::Provider => "provider",
        UnsubscribeHeaders::None => "none",
    };
    let (form, message) = match capabilities.form {
        Form::Mime => ("mime", "encoded by mailbatch (MIME)"),
        Form::Parts => ("parts", "as separate fields of the API"),
        Form::Both => (
            "both",
            "as separate fields of the API, or encoded by mailbatch (MIME) if the fields cannot express it",
        ),
    };
    let records: Vec<(String, String)> = provider
        .dkim()
        .map(|signers| signers.0.iter().map(Signer::record).collect())
        .unwrap_or_default();
    let window = capabilities.idempotency_window.map(|window| window.as_secs());
    let cannot = inexpressible(&capabilities);
    if context.globals.json {
        let mut object = json!({
            "v": 1, "type": "provider.show", "provider": name, "kind": config.kind, "summary": summary,
            "recipients_per_request": capabilities.per_request, "bytes_per_request": capabilities.request_bytes,
            "recipients_per_claim": capabilities.max_recipients, "idempotency_seconds": window, "reply": reply, "form": form,
            "unsubscribe_headers": unsubscribe, "cannot_express": cannot, "suppressions": suppressions, "sandbox": has_sandbox,
        });
        if !records.is_empty() {
            let record = |(name, text): &(String, String)| json!({ "name": name, "txt": text });
            object["dkim"] = records.iter().map(record).collect();
        }
        say(&mut std::io::stdout(), &format!("{object}\n"))?;
        return Ok(Exit::OK);
    }
    let bytes = capabilities.request_bytes.map_or_else(
        || "as many bytes as the server announces".to_owned(),
        |bytes| format!("{bytes} bytes"),
    );
    let window = window.map_or_else(
        || "none: if a reply is lost, the recipient's outcome stays unknown".to_owned(),
        |seconds| format!("{} hours", seconds / 3_600),
    );
    let cannot = if cannot.is_empty() { "nothing known".to_owned() } else { cannot.join(", ") };
    let yes = |is: bool, what: &str| if is { what.to_owned() } else { "none".to_owned() };
    let lines = [
        ("kind", format!("{} ({summary})", config.kind)),
        ("request", format!("up to {} recipients, {bytes}", capabilities.per_request)),
        ("message", message.to_owned()),
        ("idempotency", window),
        ("reply", reply.to_owned()),
        ("unsubscribe headers", unsubscribe.to_owned()),
        ("cannot express", cannot),
        ("suppression list", yes(suppressions, &format!("mailbatch suppress sync {name}"))),
        ("sandbox mode", yes(has_sandbox, "--provider-sandbox")),
    ];
    let mut text: String =
        lines.iter().map(|(what, value)| format!("{what:<20} {value}\n")).collect();
    for (name, record) in &records {
        text.push_str(&format!("{:<20} {name} TXT \"{record}\"\n", "DKIM record"));
    }
    say(&mut std::io::stdout(), &format!("{name}\n{text}"))?;
    Ok(Exit::OK)
}

/// Lists the features of a message that this provider does not support.
fn inexpressible(capabilities: &Capabilities) -> Vec<String> {
    let mut cannot = Vec::new();
    let mut say = |is_true: bool, what: &str| {
        if is_true {
            cannot.push(what.to_owned());
        }
    };
    say(!capabilities.attachments, "attachments");
    say(capabilities.attachments && !capabilities.inline_images, "images within the HTML (cid:)");
    say(!capabilities.several_reply_to, "more than one mailbox in reply_to");
    say(!capabilities.custom_headers, "custom headers");
    say(!capabilities.envelope_sender, "a custom envelope sender");
    say(capabilities.unsubscribe_headers == UnsubscribeHeaders::None, "marketing mail");
    if capabilities.custom_headers {
        cannot.extend(capabilities.refused_headers.iter().map(|name| format!("the header {name}")));
    }
    cannot
}

/// Tests a provider. The exit code is 7 if it would refuse mail.
async fn test(context: &Context, name: &str) -> Result<Exit> {
    let (name, config) = context.settings.provider(Some(name))?;
    let mut provider = tokio::task::block_in_place(|| context.settings.connect(name))?;
    match context.existing_ledger() {
        Ok(Some(ledger)) => provider.use_memory(Arc::new(LedgerMemory(ledger))),
        Ok(None) => {}
        Err(error) => tracing::warn!("the provider state of earlier runs cannot be read: {error}"),
    }
    // `mailbatch check` reports errors in the message. Here the message only gives the sender.
    let message = context.message(&MessageArgs::default(), &[]).ok();
    let sender = message.as_ref().map(|(message, _)| message.from_address().as_str().to_owned());
    let mut findings = match provider.account_api() {
        Some(account) => account.examine(sender.as_deref()).await,
        None => Vec::new(),
    };
    provider.close().await;
    let is_usable = findings.iter().all(|finding| finding.state != State::Bad);
    let is_about =
        |findings: &[Finding], about: About| findings.iter().any(|finding| finding.about == about);
    for about in About::ALWAYS {
        if !is_about(&findings, about) {
            let why = match about {
                _ if is_about(&findings, About::Connection) && !is_usable => {
                    "the provider could not be reached"
                }
                About::Sender if sender.is_none() => {
                    "no message is configured, so the sender is not known"
                }
                _ => "the provider does not report it",
            };
            findings.push(Finding::not_reported(about, why));
        }
    }
    let text = if context.globals.json {
        let shown: Vec<Value> = findings.iter().map(|f| json!({ "about": f.about.as_str(), "state": f.state.as_str(), "detail": f.detail })).collect();
        let object = json!({ "v": 1, "type": "provider.test", "provider": name, "kind": config.kind, "usable": is_usable, "findings": shown });
        format!("{object}\n")
    } else {
        let lines: String = findings
            .iter()
            .map(|f| format!("{:<12} {:<7} {}\n", f.about.as_str(), f.state.as_str(), f.detail))
            .collect();
        format!(
            "{name} ({}): {}\n{lines}",
            config.kind,
            if is_usable { "usable" } else { "would not take mail" }
        )
    };
    if is_usable && context.globals.quiet && !context.globals.json {
        return Ok(Exit::OK);
    }
    say(&mut std::io::stdout(), &text)?;
    Ok(if is_usable { Exit::OK } else { Exit::NO_PROVIDER })
}
