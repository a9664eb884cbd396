//! Tests recovery of claims after a restart of the machine.

use super::*;
use crate::ledger::conformance::recovery::interrupted;

#[tokio::test]
async fn after_a_reboot_every_open_claim_is_unknown() {
    let bed = Bed::new(here).await;
    let (run, ..) = interrupted(&bed).await;
    bed.sql("UPDATE traces SET boot = 'another boot'").await;
    let bed = bed.reopened().await;
    assert_eq!(
        bed.ledger.recover(&run).await.unwrap(),
        Recovered { reopened: 0, settled: 0, unknown: 6 }
    );
    assert_eq!(bed.next(&run).await, [7, 8]);
}

#[tokio::test]
async fn where_the_system_tells_no_boot_every_open_claim_is_unknown() {
    let bed = Bed::new(here).await;
    let (run, ..) = interrupted(&bed).await;
    bed.sql("UPDATE traces SET boot = 'none'").await;
    let bed = bed.reopened().await;
    assert_eq!(bed.ledger.recover(&run).await.unwrap().unknown, 6);
}
