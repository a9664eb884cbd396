//! Tests with automatic replies in many languages, none of which is a bounce: absences, people who
//! have left, tickets, challenges, receipts.
//!
//! An automatic reply must never suppress an address, even if it names the address or quotes a
//! bounce.

use super::*;

/// Language, subject and body of automatic replies. The bodies use phrases of bounces, such as
/// "does not exist".
const ANSWERS: &[(&str, &str, &str)] = &[
    (
        "English, away",
        "Out of Office: November news",
        "I am out of the office until Monday and have no access to e-mail. Please write to bob@example.com.",
    ),
    (
        "English, left",
        "Automatic reply: November news",
        "Ann no longer works here and ann@example.com is no longer in use. This address does not exist any more.",
    ),
    (
        "English, moved",
        "Change of e-mail address",
        "My address ann@example.com is no longer valid. My new address is ann@example.net.",
    ),
    (
        "English, vacation",
        "Re: November news",
        "I'm on vacation. Your mail will not be read. If it is urgent call +1 550 5511.",
    ),
    (
        "English, shop",
        "Thank you for contacting us",
        "We have received your message. Ticket 550-5.1.1 was opened for ann@example.com. Do not change the subject.",
    ),
    (
        "English, ticket",
        "[Ticket #55012] November news",
        "Your request has been received and is being handled. The user was not found in our customer list.",
    ),
    (
        "English, parental",
        "I am on parental leave",
        "My mailbox is full of other things. I will be back next year. The account is not read: ann@example.com.",
    ),
    (
        "English, unmonitored",
        "This mailbox is not monitored",
        "Mail to ann@example.com is not read. The mailbox does not exist for questions. Call us.",
    ),
    (
        "German",
        "Abwesenheitsnotiz: Neues im November",
        "Ich bin bis Montag nicht im Büro. Ihre Nachricht konnte nicht gelesen werden. Vertretung: bob@example.com.",
    ),
    (
        "German, left",
        "Automatische Antwort: Neues im November",
        "Ann ist nicht mehr im Unternehmen. Die Adresse ann@example.com existiert nicht mehr.",
    ),
    (
        "German, no header",
        "Ich bin im Urlaub",
        "Es ist mir nicht möglich zu antworten. Das Postfach ann@example.com wird nicht gelesen, der Empfänger ist unbekannt verzogen.",
    ),
    (
        "French",
        "Réponse automatique : Nouvelles",
        "Je suis absente jusqu'à lundi. Il m'est impossible de vous répondre. ann@example.com n'existe plus.",
    ),
    (
        "French, left",
        "Absence du bureau",
        "Ann ne fait plus partie de la société. L'adresse ann@example.com n'existe pas. Votre message n'a pas été lu.",
    ),
    (
        "French, no header",
        "Je suis en vacances",
        "Je n'ai pas pu être là. Impossible de me joindre, l'adresse ann@example.com est introuvable pour quelques jours.",
    ),
    (
        "Spanish",
        "Respuesta automática: Novedades",
        "Estoy fuera de la oficina. No se ha podido leer su correo. ann@example.com no existe para asuntos de trabajo.",
    ),
    (
        "Spanish, no header",
        "Estoy de vacaciones",
        "No pudo ser. Escriba a bob@example.com; la dirección ann@example.com ya no existe.",
    ),
    (
        "Italian",
        "Risposta automatica: Novità",
        "Sono fuori ufficio fino a lunedì. Impossibile rispondere. L'indirizzo ann@example.com non esiste più.",
    ),
    (
        "Italian, no header",
        "Sono in ferie",
        "Non è stato possibile leggere il messaggio. ann@example.com non esiste.",
    ),
    (
        "Portuguese",
        "Resposta automática: Novidades",
        "Estou fora do escritório. Não foi possível responder. O endereço ann@example.com não existe mais.",
    ),
    (
        "Portuguese, no header",
        "Estou de férias",
        "A mensagem não pôde ser lida. O usuário ann@example.com não foi encontrado na mesa.",
    ),
    (
        "Dutch",
        "Automatisch antwoord: Nieuws",
        "Ik ben afwezig tot maandag. Uw bericht kon niet worden gelezen. ann@example.com bestaat niet meer.",
    ),
    (
        "Swedish",
        "Autosvar: Nyheter",
        "Jag är inte på kontoret. Adressen ann@example.com finns inte längre.",
    ),
    (
        "Norwegian",
        "Automatisk svar: Nyheter",
        "Jeg er på ferie. Adressen ann@example.com finnes ikke lenger.",
    ),
    ("Danish", "Autosvar: Nyheder", "Jeg er på ferie. Adressen ann@example.com findes ikke mere."),
    (
        "Finnish",
        "Automaattinen vastaus: Uutiset",
        "Olen lomalla. Osoitetta ann@example.com ei ole olemassa.",
    ),
    (
        "Polish",
        "Odpowiedź automatyczna: Nowości",
        "Jestem na urlopie. Adres ann@example.com nie istnieje.",
    ),
    (
        "Czech",
        "Automatická odpověď: Novinky",
        "Jsem na dovolené. Adresa ann@example.com neexistuje.",
    ),
    (
        "Russian",
        "Автоматический ответ: Новости",
        "Я в отпуске. Не удалось прочитать письмо. Адрес ann@example.com больше не существует.",
    ),
    (
        "Russian, no header",
        "Меня нет в офисе",
        "Я в отпуске до понедельника. Пользователь ann@example.com не найден на рабочем месте.",
    ),
    (
        "Ukrainian",
        "Автоматична відповідь: Новини",
        "Я у відпустці. Адреса ann@example.com не існує.",
    ),
    (
        "Japanese",
        "自動応答: お知らせ",
        "不在にしております。返信できません。ann@example.com は存在しません。",
    ),
    (
        "Japanese, left",
        "退職のお知らせ",
        "退職いたしました。ann@example.com は使われておりません。ご連絡は bob@example.com までお願いします。",
    ),
    ("Chinese", "自动回复: 新闻", "我正在休假，无法回复您的邮件。ann@example.com 不存在。"),
    (
        "Chinese, traditional",
        "自動回覆: 新聞",
        "我正在休假，無法回覆您的郵件。查無此人 ann@example.com。",
    ),
    ("Korean", "자동 회신: 소식", "휴가 중입니다. ann@example.com 주소는 존재하지 않습니다."),
    ("Turkish", "Otomatik yanıt: Haberler", "İzindeyim. ann@example.com adresi bulunamadı."),
    (
        "Hungarian",
        "Automatikus válasz: Hírek",
        "Szabadságon vagyok. Az ann@example.com cím nem létezik.",
    ),
    ("Greek", "Αυτόματη απάντηση: Νέα", "Είμαι σε άδεια. Η διεύθυνση ann@example.com δεν υπάρχει."),
    ("Hebrew", "מענה אוטומטי: חדשות", "אני בחופשה. הכתובת ann@example.com לא קיים."),
    ("Arabic", "رد تلقائي: أخبار", "أنا في إجازة. العنوان ann@example.com غير موجود."),
    ("Romanian", "Răspuns automat: Noutăți", "Sunt în concediu. Adresa ann@example.com nu există."),
    (
        "Vietnamese",
        "Trả lời tự động: Tin tức",
        "Tôi đang nghỉ phép. Địa chỉ ann@example.com không tồn tại.",
    ),
    (
        "challenge",
        "Please confirm your message",
        "ann@example.com is protected. To be delivered, your message must be confirmed. Until then it was not delivered.",
    ),
    (
        "challenge, Boxbe",
        "November news (Action Required)",
        "Ann's mailbox is guarded. Your message awaits. The sender is unknown to ann@example.com.",
    ),
    (
        "a person about a bounce",
        "Re: Undelivered Mail Returned to Sender",
        "Hi, I got this: 550 5.1.1 <ann@example.com>: user unknown. Could not be delivered. What do I do?",
    ),
    (
        "a person who passes one on",
        "Fwd: failure notice",
        "See below, <ann@example.com>: Remote host said: 550 5.1.1 user unknown. I wasn't able to deliver.",
    ),
    (
        "a parcel service",
        "Zustellung Ihrer Sendung",
        "Ihre Sendung konnte nicht zugestellt werden. Empfänger unbekannt. Fragen an kunden@example.com.",
    ),
    (
        "German, unread",
        "Mailbox wird nicht gelesen",
        "Dieses Postfach wird nicht gelesen. Die Nachricht konnte nicht zugestellt werden: ann@example.com.",
    ),
    (
        "French, gone",
        "Absence",
        "Ann a quitté la société, ann@example.com n'existe plus. Votre message n'a pas été remis.",
    ),
    (
        "Japanese, undelivered",
        "退職のお知らせ",
        "担当者は退職しました。ann@example.com は現在使われておりません。配信できません。",
    ),
    (
        "a list server",
        "Confirm your subscription to news-list",
        "We have received a request for subscription of \"ann@example.com\". The user is unknown to us until you confirm.",
    ),
    (
        "a list's moderator",
        "Your message to news-list awaits moderator approval",
        "It could not be delivered: ann@example.com is not a member of the list.",
    ),
    (
        "an answer to a bounce",
        "Automatic reply: Undelivered Mail Returned to Sender",
        "I am away. The message could not be delivered to ann@example.com by me.",
    ),
    (
        "a carrier in Russian",
        "Доставка заказа",
        "Не удалось доставить заказ: получатель не найден. Вопросы: bob@example.com.",
    ),
];

/// The headers of automatic replies of different programs, each with the program's name.
const HEADERS: [(&str, &str); 7] = [
    ("RFC 3834", "Return-Path: <>\nAuto-Submitted: auto-replied\n"),
    ("null path alone", "Return-Path: <>\n"),
    ("nothing", ""),
    ("of old", "Precedence: bulk\nX-Autoreply: yes\n"),
    (
        "Exchange",
        "X-Auto-Response-Suppress: All\nAuto-Submitted: auto-generated\nX-MS-Exchange-Inbox-Rules-Loop: ann@example.com\n",
    ),
    ("junk", "Return-Path: <>\nPrecedence: junk\nX-Autogenerated: Reply\n"),
    (
        "in reply",
        "Return-Path: <ann@example.com>\nIn-Reply-To: <1@acme.example>\nReferences: <1@acme.example>\n",
    ),
];

/// Texts that programs quote below their automatic reply.
const QUOTED: [&str; 5] = [
    "",
    "\n> From: News <news@acme.example>\n> To: ann@example.com\n> Subject: November news\n>\n> Hello Ann\n",
    "\n-----Original Message-----\nReceived: from acme.example\nFrom: News <news@acme.example>\nTo: ann@example.com\nSubject: November news\nMessage-ID: <1@acme.example>\n\nHello Ann\n",
    "\n> If this comes back with 550 5.1.1 user unknown, could not be delivered, tell us. ann@example.com\n",
    "\n> From: Mail Delivery System <MAILER-DAEMON@mx.example.org>\n> Subject: Undelivered Mail Returned to Sender\n> To: news@acme.example\n>\n> This is the mail system at host mx.example.org.\n>\n> <carl@example.org>: 550 5.1.1 user unknown (in reply to RCPT TO command)\n",
];

fn now() -> Timestamp {
    "2026-11-21T13:00:00Z".parse().unwrap()
}

#[test]
fn no_automatic_answer_suppresses_anybody_in_whatever_language_and_with_whatever_header() {
    let mut wrong = Vec::new();
    for (language, subject, body) in ANSWERS {
        for (program, header) in HEADERS {
            for (number, quoted) in QUOTED.iter().enumerate() {
                if subject.starts_with("Fwd:") && quoted.contains("MAILER-DAEMON") {
                    // A forwarded bounce reports a failure, so this pair is not tested.
                    continue;
                }
                // Even the automatic reply of a help desk must not be read as a bounce.
                let from = ["Ann <ann@example.com>", "Desk <desk@example.com>"][number % 2];
                let raw = format!(
                    "{header}From: {from}\nTo: bounce+89abcdef0123456789abcdef@acme.example\nSubject: {subject}\nDate: Sat, 21 Nov 2026 12:00:00 +0000\n\
                    Content-Type: text/plain; charset=utf-8\n\n{body}\n{quoted}"
                );
                if let Parsed::Events(events) = read(raw.as_bytes(), now()) {
                    wrong.push(format!("{language} ({program}, {number}): {:?}", events[0].reason));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        ANSWERS.len() * HEADERS.len() * QUOTED.len(),
        wrong.join("\n")
    );
}

#[test]
fn an_answer_that_comes_back_with_the_message_attached_suppresses_nobody() {
    for (language, subject, body) in ANSWERS {
        let raw = format!(
            "Return-Path: <>\nAuto-Submitted: auto-replied\nFrom: Ann <ann@example.com>\nTo: bounces@acme.example\nSubject: {subject}\n\
            Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\n\n{body}\n\n--b\n\
            Content-Type: message/rfc822\n\nFrom: News <news@acme.example>\nTo: ann@example.com\nSubject: November news\n\nHello\n\n--b--\n"
        );
        if let Parsed::Events(events) = read(raw.as_bytes(), now()) {
            assert!(
                events.iter().all(|event| event.suppresses().is_none()),
                "{language}: {events:?}"
            );
        }
    }
}

#[test]
fn receipts_warnings_and_reports_of_success_suppress_nobody() {
    let report = |kind: &str, part: &str, fields: &str| {
        format!(
            "Return-Path: <>\nFrom: Mail Delivery System <MAILER-DAEMON@mx.example.com>\nTo: bounces@acme.example\nSubject: Report\n\
            Content-Type: multipart/report; report-type={kind}; boundary=b\n\n--b\n\nYour message was seen.\n\n--b\nContent-Type: message/{part}\n\n\
            Reporting-MTA: dns; mx.example.com\n\n{fields}\n\n--b--\n"
        )
    };
    for (name, raw) in [
        (
            "read",
            report(
                "disposition-notification",
                "disposition-notification",
                "Final-Recipient: rfc822; ann@example.com\nDisposition: manual-action/MDN-sent-manually; displayed",
            ),
        ),
        (
            "deleted unread",
            report(
                "disposition-notification",
                "disposition-notification",
                "Final-Recipient: rfc822; ann@example.com\nDisposition: automatic-action/MDN-sent-automatically; deleted",
            ),
        ),
        (
            "delayed",
            report(
                "delivery-status",
                "delivery-status",
                "Final-Recipient: rfc822; ann@example.com\nAction: delayed\nStatus: 4.4.1\nDiagnostic-Code: smtp; 450 4.1.1 user unknown",
            ),
        ),
        (
            "delivered",
            report(
                "delivery-status",
                "delivery-status",
                "Final-Recipient: rfc822; ann@example.com\nAction: delivered\nStatus: 2.0.0",
            ),
        ),
        (
            "relayed",
            report(
                "delivery-status",
                "delivery-status",
                "Final-Recipient: rfc822; ann@example.com\nAction: relayed\nStatus: 2.0.0\nDiagnostic-Code: smtp; 250 ok",
            ),
        ),
        (
            "expanded",
            report(
                "delivery-status",
                "delivery-status",
                "Final-Recipient: rfc822; ann@example.com\nAction: expanded\nStatus: 2.0.0",
            ),
        ),
    ] {
        if let Parsed::Events(events) = read(raw.as_bytes(), now()) {
            assert!(events.iter().all(|event| event.suppresses().is_none()), "{name}: {events:?}");
        }
    }
}

/// Returns the recipients that a message would suppress. Unproven bounces (hearsay) suppress none.
fn suppressed(raw: &str) -> Vec<String> {
    let Parsed::Events(events) = read(raw.as_bytes(), now()) else { return Vec::new() };
    let believed =
        events.into_iter().filter(|event| event.suppresses().is_some() && !event.is_hearsay);
    believed.filter_map(|event| event.recipient).collect()
}

/// Mail that people wrote about bounces: Return-Path, From, other header fields, subject and body.
const PEOPLE: &[(&str, &str, &str, &str, &str)] = &[
    (
        "joe@example.com",
        "Joe, IT <postmaster@example.com>",
        "In-Reply-To: <0123456789abcdef01234567@acme.example>\n",
        "Re: November news",
        "bob@example.com tells me that your mail came back last week with \"550 5.1.1\".\nThat was a fault of ours and is repaired.",
    ),
    (
        "postmaster@example.com",
        "Joe, IT <postmaster@example.com>",
        "",
        "your newsletter",
        "bob@example.com tells me that your mail came back last week with \"550 5.1.1\".\nThat was a fault of ours and is repaired.",
    ),
    (
        "postmaster@example.com",
        "Joe, IT <postmaster@example.com>",
        "",
        "your newsletter",
        "Your message could not be delivered to bob@example.com last week: \"550 5.1.1 user unknown\". That was a fault of ours and is repaired.",
    ),
    (
        "postmaster@example.com",
        "Joe, IT <postmaster@example.com>",
        "In-Reply-To: <1@acme.example>\n",
        "Undeliverable mail to bob",
        "Your message could not be delivered to bob@example.com: 550 5.1.1 user unknown. That was a fault of ours and is repaired.",
    ),
    (
        "support@example.com",
        "Mail Administrator <support@example.com>",
        "",
        "Re: November news",
        "bob@example.com does not exist, he is now bob.b@example.com. Server error: 550 is what you would get.",
    ),
    (
        "",
        "Mail System Support <support@example.com>",
        "Auto-Submitted: auto-generated\n",
        "Re: [Ticket 12] November news",
        "Thank you. You wrote: my mail could not be delivered, \"550 5.1.1 <bob@example.com> user unknown\".",
    ),
    (
        "team@example.com",
        "Mail Server Team <team@example.com>",
        "",
        "bob@example.com",
        "Is bob@example.com on your list? Our directory had an error: 550 5.1.1 on Monday. All is well now.",
    ),
    (
        "joe@other.example",
        "Joe <joe@other.example>",
        "",
        "Your message could not be delivered",
        "Why do I get\n  550 5.1.1 <bob@example.com>: User unknown\nwhen I write to bob? Message could not be delivered, it says.",
    ),
    (
        "joe@other.example",
        "Joe <joe@other.example>",
        "",
        "Undelivered Mail Returned to Sender",
        "I get this:\n\nFinal-Recipient: rfc822; bob@example.com\nAction: failed\nStatus: 5.1.1\n\nYour newsletter reaches him.",
    ),
    (
        "joe@other.example",
        "Joe <joe@other.example>",
        "",
        "Fwd: Undelivered Mail Returned to Sender",
        "Why?\n\n> From: Mail Delivery System <MAILER-DAEMON@mx.example.org>\n> Subject: Undelivered Mail Returned to Sender\n> To: joe@other.example\n>\n\
         > This is the mail system at host mx.example.org.\n>\n> <bob@example.com>: 550 5.1.1 user unknown (in reply to RCPT TO command)\n",
    ),
];

#[test]
fn whoever_writes_about_a_bounce_by_hand_suppresses_nobody() {
    for (path, from, fields, subject, body) in PEOPLE {
        // Some programs that fetch mail omit the Return-Path.
        for path in [format!("Return-Path: <{path}>\n"), String::new()] {
            let raw = format!(
                "{path}From: {from}\nTo: news@acme.example\n{fields}Subject: {subject}\nDate: Sat, 21 Nov 2026 12:00:00 +0000\n\nHello,\n{body}\nJoe\n"
            );
            assert!(suppressed(&raw).is_empty(), "{raw}");
        }
    }
}

#[test]
fn free_text_is_believed_where_a_program_sent_it_and_is_hearsay_otherwise() {
    let body =
        "Your message could not be delivered.\n\n<ann@example.com>: 550 5.1.1 user unknown\n";
    let original = "\n--- Below this line is a copy of the message.\n\nReceived: from a by b\nFrom: news@acme.example\nTo: ann@example.com\n\
        Subject: Hi\nMIME-Version: 1.0\n\nHello\n";
    let postmaster = "From: Postmaster <postmaster@example.com>";
    for (header, returned, is_believed) in [
        (format!("Return-Path: <>\n{postmaster}"), "", true),
        (format!("Return-Path: <MAILER-DAEMON@mx.example.com>\n{postmaster}"), "", true),
        ("From: MAILER-DAEMON@mx.example.com (Mail Delivery System)".to_owned(), "", true),
        (format!("Auto-Submitted: auto-generated\n{postmaster}"), "", true),
        (format!("X-Failed-Recipients: ann@example.com\n{postmaster}"), "", true),
        (postmaster.to_owned(), original, true),
        (postmaster.to_owned(), "", false),
        (format!("Return-Path: <postmaster@example.com>\n{postmaster}"), "", false),
        (
            "From: Filter <gateway@example.com>\nReturn-Path: <gateway@example.com>".to_owned(),
            "",
            false,
        ),
    ] {
        let raw = format!(
            "{header}\nTo: news@acme.example\nSubject: Undeliverable Mail\nDate: Sat, 21 Nov 2026 12:00:00 +0000\n\n{body}{returned}"
        );
        let Parsed::Events(events) = read(raw.as_bytes(), now()) else { panic!("{raw}") };
        let (word, recipient) = (events[0].word(), events[0].recipient.as_deref());
        assert_eq!(
            (events.len(), word, recipient, !events[0].is_hearsay),
            (1, "bounced(hard)", Some("ann@example.com"), is_believed),
            "{raw}"
        );
    }
}

#[test]
fn notifications_are_those_of_ses_from_the_address_of_its_service() {
    let change = r#"{"RecordType":"SubscriptionChange","SuppressSending":true,"Recipient":"bob@example.com","SuppressionReason":"ManualSuppression"}"#;
    let bounce = r#"{"eventType":"Bounce","mail":{"messageId":"1","timestamp":"2026-11-21T12:00:00.000Z"},"bounce":{"bounceType":"Permanent",
        "bounceSubType":"General","timestamp":"2026-11-21T12:00:00.000Z","bouncedRecipients":[{"emailAddress":"bob@example.com"}]}}"#;
    let service = "AWS Notifications <no-reply@sns.amazonaws.com>";
    let raw = |from: &str, json: &str| {
        format!("From: {from}\nTo: news@acme.example\nSubject: Notice\n\n{json}\n")
    };
    for (from, json) in [
        ("\"sns.amazonaws.com\" <joe@example.com>", bounce),
        ("joe@example.com (no-reply@sns.amazonaws.com)", bounce),
        ("joe@sns.amazonaws.com.example.com", bounce),
        (service, change),
    ] {
        assert!(suppressed(&raw(from, json)).is_empty(), "{from} {json}");
    }
    assert_eq!(suppressed(&raw(service, bounce)), ["bob@example.com"]);
}
