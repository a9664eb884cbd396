//! The tests that every ledger must pass, whichever database it uses. The suite is generic over the
//! function that opens a ledger.
//!
//! `conformance_of!(open)` defines a test for each function in the modules below. The compiler
//! reports a function missing from the list as dead code. What is specific to one database (its
//! files, settings and errors) is tested next to its implementation.

pub(super) mod carry;
pub(super) mod claims;
pub(super) mod events;
pub(super) mod evidence;
pub(super) mod former;
pub(super) mod loss;
pub(super) mod overlap;
pub(super) mod plan;
pub(super) mod recovery;
pub(super) mod sharing;
pub(super) mod workspace;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{
    Adopted, Ask, CanaryEvidence, CarryQuery, Claimed, Draft, EventQuery, Fact, Gate, Hold, Ledger,
    LedgerError, LedgerRow, LedgerSuppression, LostPeople, Member, NewPause, OverlapQuery,
    PauseScope, People, PlannedPerson, PlannedRow, Reconciled, Recovered, RunHead, RunId, RunState,
    Seal, Seen, Settled, Sketch, Through, UsedToken, person_of, person_seed, trace,
};
use crate::model::event::{Believe, Event};
use crate::model::literal::CanarySize;
use crate::model::outcome::{Cohort, Kind, Outcome, Reason};
use crate::model::pause::Watched;
use crate::provider::{BoxFuture, Refusal, RowNumber, Verdict};

/// Opens the ledger of a state directory, and creates it if it is missing. The suite also calls it
/// to open a second handle, and to reopen a ledger after its last handle was dropped.
pub(super) type Open<L = dyn Ledger> = fn(PathBuf) -> BoxFuture<'static, Arc<L>>;

/// Defines a test for each function of the suite, on ledgers that `$open` opens. A test is named by
/// its full path.
macro_rules! conformance_of {
    ($open:path) => {
        $crate::ledger::conformance::conformance_of! { $open;
            carry {
                what_is_foreseen_is_what_a_seal_carries_over,
                a_later_run_keeps_who_was_accepted_rejected_or_is_unknown_and_sends_the_others,
                a_removed_run_is_remembered,
                removing_an_unfinished_run_remembers_open_claims_as_unknown,
                other_campaigns_and_environments_are_not_looked_at,
                already_accepted_comes_before_suppressed_and_after_invalid_and_duplicate,
                the_key_or_the_address_matches_as_dedupe_has_it,
                acceptance_wins_over_whatever_came_before_or_after_and_else_the_newest_run_decides,
                sealing_closes_the_unfinished_run_of_the_campaign,
                who_was_accepted_under_an_older_spelling_is_not_mailed_under_the_new_one,
                a_suppression_kept_in_an_older_spelling_is_taken_back_by_the_new_one,
            }
            claims {
                each_verdict_becomes_its_outcome,
                members_without_a_verdict_are_void_and_found_behind_the_cursor,
                nobody_is_claimed_twice_and_nothing_is_settled_twice,
                next_keeps_to_cohort_cursor_and_domains,
                who_is_suppressed_by_now_is_settled_with_the_claim_and_not_sent,
                feedback_stays_beside_the_outcome,
                why_tells_the_code_and_the_place_in_the_list,
                removing_a_run_does_not_free_its_cap,
            }
            events {
                an_event_finds_its_recipient_by_the_most_exact_name_it_has,
                what_is_claimed_later_is_found_and_so_are_ids_that_come_with_the_answer,
                the_same_event_counts_once_and_is_kept_with_what_the_source_sent,
                mail_about_strangers_suppresses_nobody_and_a_verified_source_does,
                soft_bounces_add_up_within_their_time_in_whatever_order_they_come,
                the_tokens_of_a_removed_run_still_name_their_people,
                what_a_provider_tells_with_its_reply_is_an_event_and_suppresses_nobody,
                an_event_finds_a_recipient_however_either_of_them_spells_the_address,
            }
            evidence {
                each_person_counts_once_and_only_after_acceptance,
                evidence_about_the_canary_is_that_of_its_members,
                a_hold_takes_those_of_one_domain_or_provider_but_nobody_on_the_way,
            }
            former {
                who_is_held_before_another_attempt_keeps_the_outcome_and_the_reason,
                who_is_screened_keeps_the_outcome_before_the_claim_and_in_it,
                a_new_attempt_and_a_row_that_was_never_attempted_are_held_as_before,
                an_outcome_of_an_earlier_run_is_kept_too,
            }
            loss {
                what_is_adopted_counts_as_reached_and_no_acceptance_is_taken_back,
                rows_that_a_lost_run_reached_are_adopted_before_the_seal,
                a_run_that_is_set_aside_is_gone_and_what_it_reached_is_not,
                batches_are_numbered_without_end_and_closing_takes_a_number,
            }
            overlap {
                half_of_the_people_and_ten_are_found_with_or_without_a_sketch_and_after_removal,
                of_two_runs_that_are_sealed_at_once_the_second_finds_the_planned_people_of_the_first,
                people_of_a_lost_run_count_and_what_nothing_says_about_it_equals_everything,
                what_two_campaigns_reached_is_added_and_the_one_with_most_is_named,
                a_part_of_a_list_that_is_too_long_to_be_held_whole_is_estimated,
                runs_under_any_id_of_a_campaign_are_carried_over_closed_and_reconciled,
            }
            plan {
                a_run_reads_back_as_it_was_planned,
                standing_sums_to_the_rows,
                a_planned_run_can_be_discarded_and_a_sealed_one_cannot,
                a_run_that_was_never_sealed_goes_when_its_campaign_begins_again,
                a_row_that_breaks_a_rule_takes_back_its_whole_call_and_no_other,
                the_canary_is_spread_over_domains_in_proportion_and_is_the_same_each_time,
                equal_remainders_go_to_the_domain_that_comes_first_and_always_rows_come_on_top,
                a_canary_of_nobody_does_not_wait_to_be_judged,
                a_limit_keeps_the_first_sendable_rows_and_the_canary_is_drawn_from_them,
                held_rows_can_be_opened_again_and_why_tells_both,
            }
            recovery {
                after_a_process_crash_the_trace_tells_each_member,
                without_a_usable_trace_every_open_claim_is_unknown,
                a_claim_without_a_trace_is_unknown,
                a_trace_of_an_earlier_batch_says_nothing_about_a_later_one,
                recovery_leaves_other_runs_and_the_trace_of_this_process_alone,
            }
            sharing {
                two_handles_see_each_other_at_once,
                of_several_processes_that_begin_the_same_at_once_one_does,
                a_token_is_good_for_one_body_in_every_process_until_it_expires,
                what_was_committed_is_there_when_the_ledger_is_opened_again,
            }
            workspace {
                a_fact_is_replaced_and_removed_by_kind_and_subject,
                what_is_paused_gives_out_no_claim,
                what_latched_a_gate_is_kept_until_a_person_lets_the_run_go_on,
                suppressions_are_kept_once_and_can_be_taken_back,
                the_secret_key_is_made_once,
            }
        }
    };
    ($open:path; $($group:ident { $($test:ident,)* })*) => {
        $(mod $group { $(
            #[tokio::test]
            async fn $test() {
                $crate::ledger::conformance::$group::$test($open).await;
            }
        )* })*
    };
}
pub(super) use conformance_of;

/// A ledger in a temporary state directory. Dropping the value deletes the directory.
pub(super) struct Bed<L: Ledger + ?Sized = dyn Ledger> {
    pub(super) ledger: Arc<L>,
    pub(super) dir: tempfile::TempDir,
    open: Open<L>,
}

impl<L: Ledger + ?Sized> Bed<L> {
    pub(super) async fn new(open: Open<L>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { ledger: open(dir.path().to_owned()).await, dir, open }
    }

    /// A second handle on the same ledger, as another process would have.
    pub(super) async fn another(&self) -> Arc<L> {
        (self.open)(self.dir.path().to_owned()).await
    }

    /// Reopens the ledger, as the next process would.
    pub(super) async fn reopened(self) -> Self {
        let Self { ledger, dir, open } = self;
        drop(ledger);
        Self { ledger: open(dir.path().to_owned()).await, dir, open }
    }

    /// Plans and seals a run of these rows.
    pub(super) async fn sealed(&self, head: RunHead, rows: Vec<PlannedRow>, seal: Seal) -> RunId {
        let run = self.ledger.begin(head).await.unwrap();
        self.ledger.plan(&run, rows).await.unwrap();
        assert_eq!(self.ledger.seal(&run, seal).await.unwrap(), None);
        run
    }

    /// A sealed run of `count` recipients at one domain.
    pub(super) async fn simple(&self, count: u64) -> RunId {
        self.sealed(
            head(),
            (1..=count).map(|n| row(n, &format!("u{n}@example.com"))).collect(),
            seal(),
        )
        .await
    }

    /// Claims these rows for `relay` and returns the batch number.
    pub(super) async fn claimed(&self, run: &str, rows: &[RowNumber]) -> i64 {
        match self.ledger.claim(draft(run, rows)).await.unwrap() {
            Claimed::Batch(batch) => batch,
            other => panic!("not claimed: {other:?}"),
        }
    }

    pub(super) async fn settled(&self, run: &str, items: Vec<(RowNumber, Settled)>) -> i64 {
        let rows: Vec<RowNumber> = items.iter().map(|(row, _)| *row).collect();
        let batch = self.claimed(run, &rows).await;
        self.ledger.settle(run, batch, items, vec![]).await.unwrap();
        batch
    }

    pub(super) async fn row(&self, run: &str, row: RowNumber) -> LedgerRow {
        self.ledger.rows(run, row - 1, 1).await.unwrap().remove(0)
    }

    pub(super) async fn outcomes(&self, run: &str) -> Vec<(Option<Outcome>, Option<Reason>)> {
        self.ledger
            .rows(run, 0, 10_000)
            .await
            .unwrap()
            .into_iter()
            .map(|row| (row.outcome, row.reason))
            .collect()
    }

    pub(super) async fn next(&self, run: &str) -> Vec<RowNumber> {
        self.ledger
            .next(run, Ask { limit: 1_000, ..Ask::default() })
            .await
            .unwrap()
            .into_iter()
            .map(|row| row.row)
            .collect()
    }
}

pub(super) fn head() -> RunHead {
    RunHead {
        campaign: "spring".into(),
        env: None,
        kind: Kind::Marketing,
        provider: "relay".into(),
        lists: vec!["list.csv".into()],
        list_fingerprint: String::new(),
        message_fingerprint: "m1".into(),
        message: serde_json::json!({"subject": "Hello"}),
        settings: serde_json::json!({"dedupe": "ci"}),
    }
}

pub(super) fn seal() -> Seal {
    Seal {
        only: None,
        list_fingerprint: "l1".into(),
        columns: vec![vec!["email".into()]],
        filtered: 0,
        canary: None,
        limit: None,
        cohorts: vec![],
        people: None,
        overlap: None,
    }
}

/// Builds an overlap query for the recipients of a campaign that is about to send the message of
/// [`head`].
pub(super) fn asks(campaign: &str, people: People) -> OverlapQuery {
    OverlapQuery {
        campaign: campaign.into(),
        env: None,
        apart: String::new(),
        message_fingerprint: "m1".into(),
        people,
        since: Timestamp::now() - jiff::SignedDuration::from_hours(30 * 24),
        sandboxes: vec![],
    }
}

pub(super) fn row(row: RowNumber, email: &str) -> PlannedRow {
    PlannedRow {
        row,
        list: 0,
        line: row + 1,
        email: email.to_owned(),
        domain: email.split_once('@').map_or("", |(_, domain)| domain).to_owned(),
        key: email.to_lowercase(),
        fields: format!("[{email:?}]"),
        files: None,
        outcome: None,
        draw: row as i64,
        always: false,
        provider: String::new(),
    }
}

pub(super) fn screened(n: RowNumber, email: &str, outcome: Outcome, reason: Reason) -> PlannedRow {
    PlannedRow { outcome: Some((outcome, reason, "screened".into())), ..row(n, email) }
}

pub(super) fn draft(run: &str, rows: &[RowNumber]) -> Draft {
    Draft {
        run: run.to_owned(),
        provider: "relay".into(),
        key: "key".into(),
        claimed_at: Timestamp::now(),
        members: rows
            .iter()
            .map(|row| Member { row: *row, message_id: format!("{row}@id") })
            .collect(),
        suppressed: vec![],
        caps: vec![],
        ramp: vec![],
        instead_of: None,
    }
}

pub(super) fn accepted() -> Settled {
    Settled::Final(Verdict::Accepted {
        provider_id: Some("q1".into()),
        code: "250 2.0.0".into(),
        detail: "ok".into(),
    })
}

pub(super) fn refusal() -> Refusal {
    Refusal {
        reason: Reason::MailboxGone,
        code: "550 5.1.1".into(),
        detail: "no such user".into(),
        mailbox_gone: true,
    }
}

pub(super) fn rejected() -> Settled {
    Settled::Final(Verdict::Rejected(refusal()))
}

pub(super) fn unknown() -> Settled {
    Settled::Final(Verdict::Unknown { detail: "lost".into() })
}
