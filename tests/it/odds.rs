//! How often gates and pause rules are right: their judgement of canaries and runs that were drawn,
//! as the tables of the guide have it.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use mailbatch::internals::gate::{Growth, Next, Proof, measure, next};
use mailbatch::internals::literal::Percent;
use mailbatch::internals::pause::{FeedbackRate, PauseRule};

/// How many canaries are drawn for each number of a table, and how many runs.
const CANARIES: u64 = 2_000;
const RUNS: u64 = 400;

const SIZES: [u64; 5] = [100, 300, 1_000, 3_000, 10_000];
/// True shares, as multiples of the limit.
const SHARES: [f64; 3] = [0.5, 1.0, 2.0];

/// SplitMix64, so that the draws are the same everywhere.
struct Draws(u64);

impl Draws {
    /// A number above 0 and at most 1.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64 + f64::EPSILON
    }

    /// How many pass until the next one to whom it happens.
    fn gap(&mut self, share: f64) -> u64 {
        (self.unit().ln() / (-share).ln_1p()) as u64
    }

    /// To how many of so many it happens.
    fn events(&mut self, of: u64, share: f64) -> u64 {
        let (mut at, mut count) = (0, 0);
        loop {
            at += self.gap(share) + 1;
            if at > of {
                return count;
            }
            count += 1;
        }
    }
}

/// How a canary ended.
#[derive(Clone, Copy, Default)]
struct Ends {
    failed: u64,
    held: u64,
    passed: u64,
}

/// The judgements of one limit, each asked once: drawn canaries are alike.
struct Gate {
    limit: Percent,
    known: HashMap<(u64, u64, u32, u64), Next>,
}

impl Gate {
    fn judge(&mut self, count: u64, growth: Growth) -> Next {
        let limit = self.limit;
        let shares = |alpha| [measure("bounced", count, growth.size, limit, alpha)];
        self.known
            .entry((count, growth.size, growth.times, growth.room))
            .or_insert_with(|| next(shares, growth).1)
            .clone()
    }

    /// Draws a canary of `size` that may grow to `bound`, until it is judged.
    fn draw(&mut self, draws: &mut Draws, share: f64, size: u64, bound: u64) -> Next {
        let mut growth = Growth { times: 0, size, room: bound - size };
        let mut count = draws.events(size, share);
        loop {
            match self.judge(count, growth) {
                Next::Grow(more) => {
                    count += draws.events(more, share);
                    growth = Growth {
                        times: growth.times + 1,
                        size: growth.size + more,
                        room: growth.room - more,
                    };
                }
                ended => return ended,
            }
        }
    }

    fn ends(&mut self, share: f64, size: u64, bound: u64) -> Ends {
        let mut draws = Draws(size ^ bound << 20 ^ (share * 1e6) as u64);
        let mut ends = Ends::default();
        for _ in 0..CANARIES {
            match self.draw(&mut draws, share, size, bound) {
                Next::Failed => ends.failed += 1,
                Next::Unclear => ends.held += 1,
                _ => ends.passed += 1,
            }
        }
        ends
    }
}

fn percent(count: u64, of: u64) -> String {
    format!("{:.1}", count as f64 / of as f64 * 100.0)
}

/// The table of one limit; asserts what holds whatever was drawn.
fn canaries(limit: &str, times: u64) -> String {
    let mut gate = Gate { limit: limit.parse().expect("a percentage"), known: HashMap::new() };
    let mut table = String::from(
        "recipients  half the limit      the limit           twice the limit\n            fails held passes   fails held passes   fails held passes\n",
    );
    for size in SIZES {
        let mut line = format!("{size:>10}");
        for factor in SHARES {
            let ends = gate.ends(gate.limit.fraction() * factor, size, size * times);
            if factor <= 1.0 {
                assert!(
                    ends.failed * 20 <= CANARIES,
                    "{limit}: {} of {CANARIES} canaries of {size} fail at {factor} of the limit",
                    ends.failed
                );
            }
            let [failed, held, passed] =
                [ends.failed, ends.held, ends.passed].map(|count| percent(count, CANARIES));
            line.push_str(&format!("  {failed:>5} {held:>5} {passed:>6}"));
        }
        table.push_str(line.trim_end());
        table.push('\n');
    }
    table
}

/// How often a rule is broken at some time, looked at after each event.
fn pauses(rule: &str) -> String {
    let rule: PauseRule = rule.parse().expect("a rule");
    let mut table = String::from("recipients    half the limit    the limit    twice the limit\n");
    for size in SIZES.map(|size| size * 10) {
        let mut line = format!("{size:>10}");
        for factor in SHARES {
            let share = rule.over.fraction() * factor;
            let mut draws = Draws(size ^ (share * 1e6) as u64);
            let broken =
                (0..RUNS).filter(|_| is_broken(&rule, &mut draws, share, size)).count() as u64;
            if factor < 1.0 {
                assert!(
                    broken * 20 <= RUNS,
                    "{broken} of {RUNS} runs of {size} stop at half the limit"
                );
            }
            line.push_str(&format!("    {:>10}", percent(broken, RUNS)));
        }
        table.push_str(&line);
        table.push('\n');
    }
    table
}

fn is_broken(rule: &PauseRule, draws: &mut Draws, share: f64, size: u64) -> bool {
    let (mut sent, mut events) = (0, 0);
    loop {
        sent += draws.gap(share) + 1;
        if sent > size {
            return false;
        }
        events += 1;
        let rates = [FeedbackRate { provider: String::new(), domain: String::new(), sent, events }];
        if !rule.broken(&rates).is_empty() {
            return true;
        }
    }
}

/// Replaces the block of this name in a page, or compares it.
fn check(page: &mut String, name: &str, table: &str) {
    let mark = format!("<!-- generated: {name} -->\n\n```text\n");
    let start =
        page.find(&mark).unwrap_or_else(|| panic!("the page has no block {name}")) + mark.len();
    let end = start + page[start..].find("```\n").expect("the block ends");
    if std::env::var_os("MAILBATCH_REGENERATE").is_some() {
        page.replace_range(start..end, table);
    } else {
        assert_eq!(
            &page[start..end],
            table,
            "{name}; run MAILBATCH_REGENERATE=1 cargo test --test it odds"
        );
    }
}

#[test]
fn the_tables_of_the_guide_are_what_the_gate_decides() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("man/guides/canary.md");
    let mut page = fs::read_to_string(&path).expect("the page");
    check(&mut page, "bounces", &canaries("2%", 1));
    check(&mut page, "complaints", &canaries("0.1%", 1));
    check(&mut page, "bounces, growing", &canaries("2%", 5));
    check(&mut page, "complaints, growing", &canaries("0.1%", 5));
    check(&mut page, "pause rule", &pauses("bounced > 5% over 1h"));
    if std::env::var_os("MAILBATCH_REGENERATE").is_some() {
        fs::write(&path, page).expect("the page can be written");
    }
}

/// Events come one by one, and the gate looks again and again: among recipients of one number a
/// canary that has failed by so many events has failed by more, and by no fewer. So looking at any
/// time fails no canary that the last look would not fail.
#[test]
fn looking_more_often_fails_no_more_canaries() {
    let limit: Percent = "2%".parse().expect("a percentage");
    for of in SIZES {
        for growth in [
            Growth { times: 0, size: of, room: 0 },
            Growth { times: 0, size: of, room: of },
            Growth { times: 2, size: of, room: of },
        ] {
            let fails: Vec<bool> = (0..of / 10)
                .map(|count| {
                    measure("bounced", count, of, limit, growth.alpha()).proof == Proof::Over
                })
                .collect();
            assert!(fails.is_sorted() && !fails[0] && fails[fails.len() - 1], "{of}");
        }
    }
}
