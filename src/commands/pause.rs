//! `mailbatch pause` and `mailbatch unpause`: stop sending and allow it again, for the whole
//! workspace, a campaign, a kind of mail or a provider.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::cli::{Globals, PauseArgs, PauseScopeArgs, UnpauseArgs};

use crate::host;
use crate::input::nearest_name;
use crate::ledger::{Ledger, NewPause, PauseScope, Run, RunState, UnderWay};
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::pipeline::LEFT_ALONE;
use crate::report;
use crate::report::text::tally_words;
use crate::run::campaign::{self, CampaignChoice};
use crate::run::context::Context;

/// The time between two checks whether the affected runs have stopped.
const EVERY: Duration = Duration::from_millis(100);

/// Pauses sending in the given scope, until `unpause` or for the given time.
pub(crate) async fn pause(globals: &Globals, args: &PauseArgs) -> Result<Exit> {
    let context = Context::new(globals, None)?;
    let ledger = context.ledger()?;
    let scope = scope(&context, &args.scope)?;
    let ahead = ahead_of(&context, ledger.as_ref(), &scope).await?;
    let expires_at = args.lasts.map(after).transpose()?;
    let pause = NewPause {
        scope: scope.clone(),
        author: host::user(),
        host: host::name(),
        reason: args.reason.clone(),
        expires_at,
    };
    ledger.pause(pause).await?;
    ahead.iter().for_each(|warning| context.warn(warning));
    let sending = executions(&context, ledger.as_ref(), &scope).await?;
    let now = match (sending.len(), &scope) {
        (0, _) => "no affected run is sending now".to_owned(),
        (1, PauseScope::Provider(_)) => {
            "the run that is sending now begins nothing more through it".to_owned()
        }
        (count, PauseScope::Provider(_)) => {
            format!("{count} runs that are sending now start no new messages through it")
        }
        (1, _) => format!("run {} stops", sending[0].id),
        (count, _) => format!("{count} runs that are sending now stop"),
    };
    let until = expires_at
        .map_or_else(|| format!("`{}`", context.command(&scope.lift())), |at| format!("{at:.0}"));
    if globals.json {
        let runs: Vec<&str> = sending.iter().map(|run| run.id.as_str()).collect();
        let pauses = ledger.pauses().await?;
        let pause = pauses.iter().find(|pause| pause.scope == scope);
        context.print(&format!(
            "{}\n",
            json!({ "v": 1, "type": "paused", "pause": pause, "sending": runs })
        ))?;
    }
    context.note(&format!(
        "mailbatch: paused: nothing of {} is sent until {until}; {now}",
        scope.words()
    ));
    if args.wait {
        Drain { context: &context, ledger: ledger.as_ref(), scope: &scope }.wait(args.timeout).await
    } else {
        Ok(Exit::OK)
    }
}

/// Ends the pause of the given scope.
pub(crate) async fn unpause(globals: &Globals, args: &UnpauseArgs) -> Result<Exit> {
    let context = Context::new(globals, None)?;
    let scope = scope(&context, &args.scope)?;
    let Some(ledger) = context.existing_ledger()? else {
        context.note(&format!("mailbatch: {} was not paused", scope.words()));
        return Ok(Exit::OK);
    };
    let was = ledger.unpause(scope.clone(), &host::person()).await?;
    if let PauseScope::Provider(name) = &scope {
        // The provider had asked mailbatch to stop for a while. The operator's decision overrides
        // this.
        ledger.forget(LEFT_ALONE, name).await?;
    }
    context.note(&format!(
        "mailbatch: {} {}",
        scope.words(),
        if was { "is no longer paused" } else { "was not paused" }
    ));
    if was {
        for run in concerned(ledger.as_ref(), &scope).await? {
            let resume = context.command(&format!("mailbatch resume {}", run.id));
            context.note(&format!(
                "mailbatch: run {} of {} is unfinished: `{resume}` continues it",
                run.id,
                run.head.name()
            ));
        }
    }
    for left in ledger.pauses().await? {
        let lift = context.command(&left.scope.lift());
        context.note(&format!(
            "mailbatch: {} is still paused, since {}\nhint: to end this pause, run `{lift}`",
            left.scope.words(),
            left.words()
        ));
    }
    Ok(Exit::OK)
}

/// Returns the current time plus `time`.
fn after(time: Duration) -> Result<Timestamp> {
    let at = SignedDuration::try_from(time)
        .ok()
        .and_then(|time| Timestamp::now().checked_add(time).ok());
    at.ok_or_else(|| {
        Error::usage("--for: the time is too long")
            .hint("omit --for for a pause until `mailbatch unpause`")
    })
}

/// Returns the scope given on the command line.
fn scope(context: &Context, typed: &PauseScopeArgs) -> Result<PauseScope> {
    if let Some(kind) = typed.kind {
        return Ok(PauseScope::Kind(kind));
    }
    if let Some(name) = &typed.provider {
        return Ok(PauseScope::Provider(name.clone()));
    }
    match &typed.campaign {
        None => Ok(PauseScope::Workspace),
        Some(name) => match campaign::choice(context, Some(name), None, &[])? {
            CampaignChoice::Named { name, .. } => Ok(PauseScope::Campaign(name)),
            CampaignChoice::Files(_) => Ok(PauseScope::Workspace),
        },
    }
}

/// Returns a warning if a campaign has no runs yet: the pause will stop its first run, unless the
/// name is misspelled. An unknown provider is an error, because the pause would stop nothing.
async fn ahead_of(
    context: &Context,
    ledger: &dyn Ledger,
    scope: &PauseScope,
) -> Result<Option<String>> {
    const MOST: usize = 5;
    let name = match scope {
        PauseScope::Provider(name) => return context.settings.provider(Some(name)).map(|_| None),
        PauseScope::Campaign(name) => name,
        PauseScope::Workspace | PauseScope::Kind(_) | PauseScope::Run(_) => return Ok(None),
    };
    let runs = ledger.runs().await?;
    if runs.iter().any(|run| scope.holds(&run.head.campaign, run.head.kind)) {
        return Ok(None);
    }
    let mut known: Vec<&str> = Vec::new();
    for run in &runs {
        if known.len() < MOST && !known.contains(&run.head.name()) {
            known.push(run.head.name());
        }
    }
    let meant = nearest_name(runs.iter().map(|run| run.head.name()), name)
        .map(|near| format!("did you mean {near}? "))
        .unwrap_or_default();
    let known = if known.is_empty() {
        "there is no run yet".to_owned()
    } else {
        format!("the latest campaigns are {}", known.join(", "))
    };
    let hint = format!("{meant}{known}; `{}` stops everything", context.command("mailbatch pause"));
    Ok(Some(format!(
        "no run belongs to a campaign {name} yet: the pause holds the first one that starts\nhint: {hint}"
    )))
}

/// Returns the unfinished runs in the scope, newest first.
async fn concerned(ledger: &dyn Ledger, scope: &PauseScope) -> Result<Vec<Run>> {
    let mut runs = ledger.runs().await?;
    runs.retain(|run| {
        let is_concerned = match scope {
            PauseScope::Provider(name) => {
                run.head.provider.split(", ").any(|provider| provider == name)
            }
            scope => scope.holds(&run.head.campaign, run.head.kind),
        };
        is_concerned && run.state == RunState::Open
    });
    Ok(runs)
}

/// Returns the runs in the scope that a process is executing now.
async fn executions(
    context: &Context,
    ledger: &dyn Ledger,
    scope: &PauseScope,
) -> Result<Vec<Run>> {
    let mut found = Vec::new();
    for run in concerned(ledger, scope).await? {
        if is_sending(context, &run.head.campaign, run.head.env.as_deref())? {
            found.push(run);
        }
    }
    Ok(found)
}

fn is_sending(context: &Context, campaign: &str, env: Option<&str>) -> Result<bool> {
    campaign::is_running(&context.settings.workspace.state_dir, campaign, env)
}

/// Waits until no message in the scope is being submitted.
struct Drain<'a> {
    context: &'a Context,
    ledger: &'a dyn Ledger,
    scope: &'a PauseScope,
}

impl Drain<'_> {
    /// Waits, and then prints the outcomes. Fails with exit code 10 after `timeout`.
    async fn wait(&self, timeout: Option<Duration>) -> Result<Exit> {
        let begun = Instant::now();
        let (mut concerned, mut said, mut left_behind) = (BTreeSet::new(), None, Vec::new());
        loop {
            let mut under_way = 0;
            left_behind.clear();
            for claimed in
                self.ledger.under_way().await?.into_iter().filter(|claimed| self.concerns(claimed))
            {
                concerned.insert(claimed.run.clone());
                if is_sending(self.context, &claimed.campaign, claimed.env.as_deref())? {
                    under_way += claimed.count;
                } else {
                    left_behind.push(claimed);
                }
            }
            let going = executions(self.context, self.ledger, self.scope).await?;
            concerned.extend(going.iter().map(|run| run.id.clone()));
            // If a provider is paused, a run may continue through other providers, so its end is
            // not awaited.
            let have_ended = matches!(self.scope, PauseScope::Provider(_)) || going.is_empty();
            if under_way == 0 && have_ended {
                break;
            }
            if said != Some(under_way) {
                self.context.note(&match under_way {
                    0 => "mailbatch: waiting: no recipient is under way any more, and the runs are closing".to_owned(),
                    _ => format!("mailbatch: waiting: {under_way} recipients are still under way"),
                });
                said = Some(under_way);
            }
            if timeout.is_some_and(|timeout| begun.elapsed() >= timeout) {
                let what = format!(
                    "{} is paused, and {under_way} recipients are still under way",
                    self.scope.words()
                );
                return Err(Error::new(Exit::DEADLINE, what)
                    .hint("`mailbatch status` shows the run; the pause stays in force"));
            }
            tokio::time::sleep(EVERY).await;
        }
        self.print(begun.elapsed(), concerned, &left_behind).await
    }

    fn concerns(&self, claimed: &UnderWay) -> bool {
        self.scope.holds(&claimed.campaign, claimed.kind)
            || self.scope.holds_provider(&claimed.provider)
    }

    async fn print(
        &self,
        took: Duration,
        concerned: BTreeSet<String>,
        left_behind: &[UnderWay],
    ) -> Result<Exit> {
        let json = self.context.globals.json;
        let mut text = format!(
            "drained after {:.1} s: nothing of {} is under way\n",
            took.as_secs_f64(),
            self.scope.words()
        );
        let mut runs: Vec<Value> = Vec::new();
        for id in concerned {
            let Some(run) = self.ledger.run(&id).await? else { continue };
            let standing = self.ledger.standing(&id).await?;
            text.push_str(&format!(
                "  run {id} of {}: {}\n",
                run.head.name(),
                tally_words(&standing.tally)
            ));
            runs.push(report::run_json(&run, &standing));
        }
        for claimed in left_behind {
            let resume = self.context.command(&format!("mailbatch resume {}", claimed.run));
            text.push_str(&format!(
                "  run {}: a process that has ended left {} recipients without a reply; after `unpause`, resolve them with `{resume}`\n",
                claimed.run, claimed.count
            ));
        }
        if json {
            let left: u64 = left_behind.iter().map(|claimed| claimed.count).sum();
            text = format!(
                "{}\n",
                json!({ "v": 1, "type": "drained", "seconds": took.as_secs_f64(), "left_behind": left, "runs": runs })
            );
        }
        if json || !self.context.globals.quiet {
            self.context.print(&text)?;
        }
        Ok(Exit::OK)
    }
}
