//! Forged messages of SNS in numbers, which must not keep the genuine ones out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::sns::{
    Amazon, HOST, SIGNER, STRANGER, bounce, envelope, listening, signed, tell, types, well,
};
use crate::support::running::LONG;
use crate::support::wait_for;

#[test]
fn forged_messages_that_name_other_certificates_do_not_keep_a_genuine_one_out() {
    let is_over = Arc::new(AtomicBool::new(false));
    let end = is_over.clone();
    let amazon = Amazon::start(HOST, move |_, path| match path {
        "/signer.pem" => well(path),
        // As many are fetched at once as ever are, until the genuine message waits.
        _ => {
            wait_for(|| end.load(Ordering::SeqCst), LONG);
            (404, String::new(), Vec::new())
        }
    });
    let (work, _running, port) = listening(&amazon);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let mut forged = envelope("Notification", "n0", &bounce("n0", "victim@example.com"));
            forged["SigningCertURL"] = json!(format!("https://{HOST}/forged{number}.pem"));
            let forged = signed(forged, STRANGER);
            scope.spawn(move || assert_eq!(tell(port, &forged), 502));
        }
        assert!(wait_for(|| amazon.paths().len() == 8, LONG), "{:?}", amazon.paths());
        let genuine = scope.spawn(|| {
            tell(
                port,
                &signed(envelope("Notification", "n1", &bounce("n1", "gone@example.com")), SIGNER),
            )
        });
        std::thread::sleep(std::time::Duration::from_millis(500));
        is_over.store(true, Ordering::SeqCst);
        assert_eq!(genuine.join().expect("it does not panic"), 204, "{:?}", amazon.paths());
    });
    assert_eq!(types(&work), ["bounced"]);
}
