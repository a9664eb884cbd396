//! Tests from connecting until a session is ready for mail: greeting, TLS, AUTH, and the number of
//! connections.

use super::*;

#[tokio::test]
async fn what_is_no_smtp_server_is_told_by_name() {
    for (script, expected) in [
        (&[Say("HTTP/1.1 400 Bad Request")][..], "not an SMTP answer at the greeting"),
        (&[Say("354 go")], "not an SMTP answer at the greeting"),
        (&[Say("250 ok")], "not an SMTP answer at the greeting"),
        (&[Silence], "no answer at the greeting within 150ms"),
        (&[], "connection lost at the greeting"),
        (&[Say("554 5.3.2 go away")], "at the greeting: go away"),
        (&[Say("220 hi"), Hear("EHLO"), Say("354 go")], "not an SMTP answer at EHLO"),
        (&[Say("220 hi"), Hear("EHLO"), Silence], "no answer at EHLO within 150ms"),
    ] {
        let ran = run(QUICK, &[&[script]], &["a@x.example"]).await;
        assert!(ran.reply.items.is_empty(), "nobody was begun");
        let detail = failing(&ran.reply.health);
        assert!(detail.starts_with(expected), "{detail}");
    }
}

#[tokio::test]
async fn helo_is_tried_where_ehlo_is_not_known() {
    let hello = [
        Say("220 hi"),
        Hear("EHLO me.example"),
        Say("502 what?"),
        Hear("HELO me.example"),
        Say("250 hi"),
        Hear("MAIL"),
    ];
    let ran = run(
        "helo = \"me.example\"",
        &[&[&hello, &[Say("250 ok"), Hear("RCPT"), Say("550 no")]]],
        &["a@x.example"],
    )
    .await;
    assert_eq!(words(&ran.reply), ["1 rejected 550"]);
}

#[tokio::test]
async fn every_mechanism_says_who_we_are() {
    let offer = [
        Say("220 hi"),
        Hear("EHLO "),
        Say("250-hi\r\n250-PIPELINING\r\n250 AUTH LOGIN PLAIN XOAUTH2"),
    ];
    // These encode "\0ann\0hunter2", "ann", "hunter2" and "user=ann^Aauth=Bearer hunter2^A^A" in
    // base64.
    for (keys, exchange) in [
        ("", &[Hear("AUTH PLAIN AGFubgBodW50ZXIy"), Say("235 ok")][..]),
        (
            "auth = \"login\"",
            &[
                Hear("AUTH LOGIN"),
                Say("334 x"),
                Hear("YW5u"),
                Say("334 x"),
                Hear("aHVudGVyMg=="),
                Say("235 ok"),
            ],
        ),
        (
            "auth = \"xoauth2\"",
            &[Hear("AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgaHVudGVyMgEB"), Say("235 ok")],
        ),
    ] {
        let keys = format!("password = {{ env = \"hunter2\" }}\n{keys}");
        let script = [&offer, exchange, TAKEN].concat();
        let ran = run_with(
            "smtp://ann@",
            &keys,
            vec![script],
            None,
            jobs(&["a@x.example"]),
            Recorder::default(),
        )
        .await;
        assert_eq!(words(&ran.reply), ["1 accepted"], "{keys}");
    }
}

#[tokio::test]
async fn refused_credentials_stop_the_provider_and_are_not_repeated() {
    let offer = [Say("220 hi"), Hear("EHLO "), Say("250-hi\r\n250 AUTH PLAIN XOAUTH2")];
    for (keys, exchange) in [
        ("", &[Hear("AUTH PLAIN "), Say("535 5.7.8 no: AGFubgBodW50ZXIy is hunter2")][..]),
        (
            "auth = \"xoauth2\"",
            &[
                Hear("AUTH XOAUTH2 "),
                Say("334 eyJzdGF0dXMiOiI0MDAifQ=="),
                Hear(""),
                Say("535 5.7.8 hunter2 expired"),
            ],
        ),
        ("auth = \"login\"", &[]),
    ] {
        let keys = format!("password = {{ env = \"hunter2\" }}\n{keys}");
        let script = [&offer, exchange].concat();
        let ran = run_with(
            "smtp://ann@",
            &keys,
            vec![script],
            None,
            jobs(&["a@x.example"]),
            Recorder::default(),
        )
        .await;
        let (reason, detail) = stopped(&ran.reply.health);
        assert_eq!(reason, Reason::Auth);
        assert!(!detail.contains("hunter2") && !detail.contains("AGFub"), "{detail}");
        assert!(ran.reply.items.is_empty());
    }
}

const STARTTLS: &[Act] = &[
    Say("220 hi"),
    Hear("EHLO "),
    Say("250-hi\r\n250-AUTH LOGIN\r\n250 STARTTLS"),
    Hear("STARTTLS"),
    Say("220 go"),
    Tls,
];

#[tokio::test]
async fn starttls_forgets_what_was_announced_in_clear_text() {
    let (acceptor, root) = certificate();
    let keys = format!("ca_file = {:?}\npassword = {{ env = \"hunter2\" }}", root.path());
    let inside = [
        Hear("EHLO "),
        Say("250-hi\r\n250-PIPELINING\r\n250 AUTH PLAIN"),
        Hear("AUTH PLAIN "),
        Say("235 ok"),
    ];
    let script = [STARTTLS, &inside, TAKEN].concat();
    let ran = run_with(
        "smtp+starttls://ann@",
        &keys,
        vec![script],
        Some(acceptor),
        jobs(&["a@x.example"]),
        Recorder::default(),
    )
    .await;
    assert_eq!(words(&ran.reply), ["1 accepted"]);
}

#[tokio::test]
async fn implicit_tls_comes_before_the_greeting() {
    let (acceptor, root) = certificate();
    let script = [&[Tls], PIPELINING, TAKEN].concat();
    let keys = format!("ca_file = {:?}", root.path());
    let ran = run_with(
        "smtps://",
        &keys,
        vec![script],
        Some(acceptor),
        jobs(&["a@x.example"]),
        Recorder::default(),
    )
    .await;
    assert_eq!(words(&ran.reply), ["1 accepted"]);
}

#[tokio::test]
async fn a_certificate_that_does_not_verify_stops_the_provider() {
    let (acceptor, _) = certificate();
    for (scheme, keys, script) in
        [("smtps://", "", vec![Tls]), ("smtp://", "tls = \"optional\"", STARTTLS.to_vec())]
    {
        let ran = run_with(
            scheme,
            keys,
            vec![script],
            Some(acceptor.clone()),
            jobs(&["a@x.example"]),
            Recorder::default(),
        )
        .await;
        let (reason, detail) = stopped(&ran.reply.health);
        assert_eq!(reason, Reason::Session);
        assert!(detail.contains("does not verify") && detail.contains("ca_file"), "{detail}");
    }
}

/// Sends one message with STARTTLS to a server that never sends a greeting: one that waits for TLS,
/// or one that stays silent.
async fn ungreeted(acceptor: Option<TlsAcceptor>) -> Reply {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "url = \"smtp+starttls://{}\"\ntimeouts = {{ command = \"500ms\" }}",
        listener.local_addr().unwrap()
    );
    tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            match acceptor.clone() {
                Some(acceptor) => {
                    drop(tokio::spawn(async move { acceptor.accept(stream).await.is_ok() }))
                }
                None => open.push(stream),
            }
        }
    });
    let provider = connect(&settings(&url, Path::new("/nowhere/state"))).unwrap();
    provider.send(&claim(jobs(&["a@x.example"])), &Recorder::default()).await
}

#[tokio::test]
async fn a_server_that_waits_for_tls_stops_the_provider_and_the_other_scheme_is_named() {
    let (reason, detail) = stopped(&ungreeted(Some(certificate().0)).await.health);
    assert_eq!(reason, Reason::Session);
    assert!(detail.contains("write smtps://127.0.0.1:"), "{detail}");
}

#[tokio::test]
async fn a_server_that_never_greets_and_speaks_no_tls_fails() {
    let detail = failing(&ungreeted(None).await.health);
    assert!(detail.contains("no answer at the greeting"), "{detail}");
}

#[tokio::test]
async fn what_is_injected_before_the_handshake_is_never_read() {
    let script = vec![
        Say("220 hi"),
        Hear("EHLO "),
        Say("250-hi\r\n250 STARTTLS"),
        Hear("STARTTLS"),
        Say("220 go\r\n250-hi\r\n250 AUTH PLAIN"),
        Silence,
    ];
    let ran = run_with(
        "smtp+starttls://",
        "",
        vec![script],
        None,
        jobs(&["a@x.example"]),
        Recorder::default(),
    )
    .await;
    assert!(stopped(&ran.reply.health).1.contains("before the TLS handshake"));
}

#[tokio::test]
async fn required_tls_that_is_not_offered_stops_the_provider() {
    let ran = run_with(
        "smtp+starttls://",
        "",
        vec![PLAIN.to_vec()],
        None,
        jobs(&["a@x.example"]),
        Recorder::default(),
    )
    .await;
    assert!(stopped(&ran.reply.health).1.contains("does not offer STARTTLS"));
}

#[tokio::test]
async fn a_refused_connection_is_the_providers_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let provider = connect(&settings(
        &format!("url = \"smtp://127.0.0.1:{port}\""),
        Path::new("/nowhere/state"),
    ))
    .unwrap();
    let reply = provider.send(&claim(jobs(&["a@x.example"])), &Recorder::default()).await;
    assert!(reply.items.is_empty());
    assert!(failing(&reply.health).starts_with(&format!("cannot connect to 127.0.0.1:{port}: ")));
}

#[tokio::test]
async fn claims_sent_at_once_share_the_connections_there_may_be() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let claims = 5;
    let server = play(
        listener,
        vec![[&[PIPELINING], &vec![TAKEN; claims][..], &[&[Hear("QUIT")]]].concat().concat()],
        None,
    );
    let provider = connect(&settings(
        &format!("url = \"smtp://127.0.0.1:{port}\""),
        Path::new("/nowhere/state"),
    ))
    .unwrap();
    let claim = claim(jobs(&["a@x.example"]));
    let wire = Recorder::default();
    let replies =
        futures_util::future::join_all((0..claims).map(|_| provider.send(&claim, &wire))).await;
    assert!(replies.iter().all(|reply| words(reply) == ["1 accepted"]));
    provider.close().await;
    server.await.unwrap();
}

#[tokio::test]
async fn there_are_never_more_connections_than_in_flight() {
    const ONE: &[Act] = &[Hear("QUIT")];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let open = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let count = (Arc::clone(&open), Arc::clone(&most));
    let server = tokio::spawn(async move {
        let mut served = tokio::task::JoinSet::new();
        for _ in 0..12 {
            let (stream, _) = listener.accept().await.unwrap();
            count.1.fetch_max(count.0.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let open = Arc::clone(&count.0);
            served.spawn(async move {
                let mut peer =
                    Peer { stream: Box::new(stream), buffer: Vec::new(), received: Vec::new() };
                for act in [PIPELINING, TAKEN, ONE].concat() {
                    peer.act(act).await;
                }
                open.fetch_sub(1, Ordering::SeqCst);
            });
        }
        served.join_all().await;
    });
    let keys = format!("url = \"smtp://127.0.0.1:{port}\"\nper_connection = 1");
    let provider =
        connect(&ProviderSettings { in_flight: 3, ..settings(&keys, Path::new("/nowhere/state")) })
            .unwrap();
    let claim = claim(jobs(&["a@x.example", "b@x.example"]));
    let wire = Recorder::default();
    let replies =
        futures_util::future::join_all((0..6).map(|_| provider.send(&claim, &wire))).await;
    assert!(replies.iter().all(|reply| words(reply) == ["1 accepted", "2 accepted"]));
    provider.close().await;
    server.await.unwrap();
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

/// Two connections accept one message each and no more. These acts refuse the next message.
async fn left_for_the_other(
    connections: usize,
    keys: &str,
    hello: &[Act],
    taken: &[Act],
    no_room: &[Act],
) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (hello, taken, no_room) = (hello.to_vec(), taken.to_vec(), no_room.to_vec());
    let server = tokio::spawn(async move {
        // Both connections are open before either accepts a message.
        let open = Arc::new(tokio::sync::Barrier::new(2));
        let mut served = tokio::task::JoinSet::new();
        for number in 0..connections {
            let (stream, _) = listener.accept().await.unwrap();
            let open = Arc::clone(&open);
            let (hello, no_room) = (hello.clone(), no_room.clone());
            let taken = if number < 2 { taken.clone() } else { Vec::new() };
            served.spawn(async move {
                let mut peer =
                    Peer { stream: Box::new(stream), buffer: Vec::new(), received: Vec::new() };
                for act in hello {
                    peer.act(act).await;
                }
                if !taken.is_empty() {
                    open.wait().await;
                }
                for act in [taken, no_room].concat() {
                    peer.act(act).await;
                }
            });
        }
        served.join_all().await;
    });
    let keys = format!("url = \"smtp://127.0.0.1:{port}\"\n{keys}");
    let provider =
        connect(&ProviderSettings { in_flight: 2, ..settings(&keys, Path::new("/nowhere/state")) })
            .unwrap();
    let claim = claim(jobs(&["a@x.example"]));
    let wire = Recorder::default();
    let (one, other) = tokio::join!(provider.send(&claim, &wire), provider.send(&claim, &wire));
    assert_eq!([words(&one), words(&other)], [["1 accepted"], ["1 accepted"]]);
    let reply = provider.send(&claim, &wire).await;
    assert_eq!((words(&reply).join(""), reply.health), ("1 not taken 432".into(), Health::Fine));
    // Only the other connection remains.
    let reply = provider.send(&claim, &wire).await;
    assert!(matches!(reply.health, Health::SlowDown(_)), "{:?}", reply.health);
    provider.close().await;
    server.await.unwrap();
}

#[tokio::test]
async fn a_connection_too_many_is_left_for_one_that_is_idle() {
    let no_room =
        [Together(GROUP), Say("432 concurrent connections limit exceeded\r\n503 no\r\n503 no")];
    // Without a window, another connection is tried before the rate is reduced.
    left_for_the_other(3, "", PIPELINING, TAKEN, &no_room).await;
    let chunking = [Say("220 hi"), Hear("EHLO "), Say("250-hi\r\n250-PIPELINING\r\n250 CHUNKING")];
    let taken = [Chunks(1), Say("250 ok\r\n250 ok\r\n250 ok")];
    let no_room = [Chunks(1), Say("432 concurrent connections limit exceeded\r\n503 no\r\n503 no")];
    left_for_the_other(2, "window = 3", &chunking, &taken, &no_room).await;
}
