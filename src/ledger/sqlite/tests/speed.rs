//! Figures, run by name: `cargo test --release --lib ledger::sqlite::tests::speed -- --ignored --nocapture`.

use std::time::Instant;

use super::*;

#[tokio::test]
#[ignore = "takes a minute and prints figures"]
async fn plan_seal_claim_and_settle() {
    let count: u64 = std::env::var("ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let bed = Bed::new();
    let make = |n: u64| PlannedRow {
        fields: format!("[\"user{n}@d{}.example\",\"Name {n}\",\"Some street {n}\",\"{}\"]", n % 997, "x".repeat(60)),
        draw: (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1) as i64,
        ..row(n, &format!("user{n}@d{}.example", n % 997))
    };
    for round in ["first", "with an earlier run"] {
        let run = bed.ledger.begin(head()).await.unwrap();
        let start = Instant::now();
        for from in (1..=count).step_by(1_000) {
            bed.ledger.plan(&run, (from..(from + 1_000).min(count + 1)).map(make).collect()).await.unwrap();
        }
        println!("{round}: planned {count} rows in {:?}", start.elapsed());
        let start = Instant::now();
        bed.ledger.seal(&run, Seal { canary: Some("5%".parse().unwrap()), ..seal() }).await.unwrap();
        println!("{round}: sealed in {:?}", start.elapsed());
        let start = Instant::now();
        bed.ledger.standing(&run).await.unwrap();
        println!("{round}: standing in {:?}", start.elapsed());
        if round == "first" {
            let start = Instant::now();
            let (mut after, mut done) = (0, 0u64);
            let mut flying = std::collections::VecDeque::new();
            while done < count / 4 {
                let rows = bed.ledger.next(&run, Ask { cohort: Some(Cohort::Rest), after, limit: 100, ..Ask::default() }).await.unwrap();
                after = rows.last().unwrap().row;
                done += rows.len() as u64;
                let rows: Vec<JobId> = rows.into_iter().map(|row| row.row).collect();
                flying.push_back((bed.claimed(&run, &rows).await, rows));
                if flying.len() > 8 {
                    let (batch, rows) = flying.pop_front().unwrap();
                    bed.ledger.settle(&run, batch, rows.into_iter().map(|row| (row, accepted())).collect(), vec![]).await.unwrap();
                }
            }
            println!("next + claim + settle at 100 a batch, one after another: {:.0} recipients/s", done as f64 / start.elapsed().as_secs_f64());
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap());
    println!("file: {} MiB", std::fs::metadata(bed.dir.path().join("ledger.db")).unwrap().len() >> 20);
}
