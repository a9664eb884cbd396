//! What services are known to say, as data: a phrase or a status, where it counts, what it means,
//! and who says it.
//!
//! A phrase is looked for in lowercase prose without mail addresses ([`super::prose`]); `*` in it
//! stands for a few words of a clause, `~` for none ([`super::phrase`]). A status decides; then the
//! first sentence with a phrase does, and in a sentence the first entry that fits, so what is about
//! one mailbox stands before what is about us.

use super::prose::is_status;
use super::sentence::{is_help, is_in_link, sentences};
use super::words::speaks_of_recipient;
use super::{About, Meaning, Place, Status, phrase};

/// One piece of knowledge.
pub(super) struct Known {
    /// A phrase, or a status such as `5.1.90`, which begins with a digit and has two full stops.
    pub(super) says: &'static str,
    /// The first digits of the reply codes beside which it counts; codes of APIs have the same
    /// digits.
    pub(super) digits: &'static str,
    /// Where it counts.
    pub(super) at: &'static [Place],
    pub(super) means: Meaning,
    /// Who says so, and where that was seen.
    pub(super) source: &'static str,
}

/// Everywhere.
const ANY: &[Place] = &[
    Place::Greeting,
    Place::Hello,
    Place::Auth,
    Place::Mail,
    Place::Rcpt,
    Place::Message,
    Place::Api,
    Place::Bounce,
];
/// Where a login is refused.
const LOGIN: &[Place] = &[Place::Auth];
/// Where one recipient is at hand.
const RECIPIENT: &[Place] = &[Place::Rcpt, Place::Message];
/// Where nothing has been said about a recipient.
const BEFORE: &[Place] = &[Place::Greeting, Place::Hello, Place::Auth, Place::Mail];

const fn known(
    says: &'static str,
    digits: &'static str,
    at: &'static [Place],
    means: Meaning,
    source: &'static str,
) -> Known {
    Known { says, digits, at, means, source }
}

/// What an entry says in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) means: Meaning,
    pub(super) source: &'static str,
}

/// The entry that fits a text in the form of [`super::prose`] or [`super::normal()`].
pub(super) fn at(code: u16, status: Option<Status>, text: &str, at: Place) -> Option<Hit> {
    let digit = match (code / 100, status) {
        (0, Some(status)) => status.class,
        (0, None) => 5,
        (digit, _) => digit,
    };
    let counts = |known: &&Known| {
        known.at.contains(&at) && known.digits.bytes().any(|d| u16::from(d - b'0') == digit)
    };
    let named = status.map(|status| status.to_string());
    if let Some(known) = KNOWN
        .iter()
        .filter(counts)
        .find(|known| is_status(known.says) && named.as_deref() == Some(known.says))
    {
        return Some(Hit { means: known.means, source: known.source });
    }
    let said: Vec<(usize, &Known)> = KNOWN
        .iter()
        .filter(counts)
        .filter(|known| {
            !(is_status(known.says)
                || is_of_mailbox(status) && matches!(known.means, Meaning::Rate | Meaning::Quota))
        })
        .filter_map(|known| Some((phrase::find(known.says, text)?, known)))
        .collect();
    if said.is_empty() { None } else { first_said(&said, text) }
}

/// Whether a lowercase sentence says with a phrase of the table that a mailbox is full.
pub(super) fn says_full(sentence: &str) -> bool {
    KNOWN
        .iter()
        .any(|known| known.means == Meaning::Full && phrase::find(known.says, sentence).is_some())
}

/// Whether a status says that it is this mailbox that is gone or full, whatever the words about
/// limits mean.
fn is_of_mailbox(status: Option<Status>) -> bool {
    status.is_some_and(|status| matches!((status.subject, status.detail), (1, 1 | 6 | 10) | (2, 2)))
}

/// The first of the phrases that a text says; those about the provider only as far as nothing was
/// said of the recipient before.
fn first_said(said: &[(usize, &'static Known)], text: &str) -> Option<Hit> {
    let sentences = sentences(text);
    let place =
        |at: usize| sentences.iter().position(|range| at < range.end).unwrap_or(sentences.len());
    let sentence = |place: usize| sentences.get(place).map_or("", |range| &text[range.clone()]);
    let of_recipient = sentences
        .iter()
        .position(|range| speaks_of_recipient(&text[range.clone()]))
        .unwrap_or(usize::MAX);
    let counts = |(at, known): &&(usize, &'static Known)| {
        let is_ours = matches!(known.means.about(), About::Provider | About::Session);
        // A link to a list of addresses says that ours is on it.
        let is_told =
            known.says.contains('/') || !(is_in_link(text, *at) || is_help(sentence(place(*at))));
        !is_ours || (is_told && place(*at) <= of_recipient)
    };
    let first = said
        .iter()
        .filter(counts)
        .min_by_key(|(at, known)| if known.means == Meaning::Busy { 0 } else { place(*at) })?;
    let (at, known) = first;
    let is_limit = matches!(known.means, Meaning::Rate | Meaning::Quota);
    let means =
        if is_limit && is_of_recipient(sentence(place(*at))) { Meaning::Busy } else { known.means };
    Some(Hit { means, source: known.source })
}

/// Whether a limit is one of what the recipient may get.
fn is_of_recipient(sentence: &str) -> bool {
    const WHOSE: [&str; 12] = [
        "recipient's",
        "of the recipient",
        "of this recipient",
        "the recipient has",
        "recipient has exceeded",
        "recipient has reached",
        "this mailbox",
        "the mailbox",
        "mailbox's",
        "receiving limit",
        "receiving rate",
        "receiving quota",
    ];
    WHOSE.iter().any(|whose| sentence.contains(whose)) && !sentence.contains("sender")
}

/// Everything that is known.
pub(super) const KNOWN: &[Known] = &[
    // ----- one mailbox, although words of rate or quota are used
    known(
        "mailbox unavailable or access denied",
        "45",
        ANY,
        Meaning::Policy,
        "qq.com, service.mail.qq.com/detail/122/166: either, on purpose",
    ),
    known(
        "deferred due to excessive volume",
        "4",
        ANY,
        Meaning::Busy,
        "iCloud, support.apple.com/102322: mail to one mailbox",
    ),
    known(
        "user you are trying to contact is receiving",
        "45",
        ANY,
        Meaning::Busy,
        "Gmail, support.google.com/mail/answer/6592",
    ),
    known(
        "has received too many",
        "45",
        ANY,
        Meaning::Busy,
        "MailEnable, Zimbra cbpolicyd by recipient",
    ),
    known("receiving too many", "45", ANY, Meaning::Busy, "hMailServer, Zoho"),
    known(
        "for this recipient",
        "4",
        RECIPIENT,
        Meaning::Busy,
        "policyd, cbpolicyd quotas by recipient",
    ),
    known(
        "to this recipient",
        "4",
        RECIPIENT,
        Meaning::Busy,
        "Exchange Online 4.7.x, recipient rate limit",
    ),
    known("for this mailbox", "4", RECIPIENT, Meaning::Busy, "hosters with limits by mailbox"),
    known("to this mailbox", "4", RECIPIENT, Meaning::Busy, "hosters with limits by mailbox"),
    known("recipient has too many", "4", RECIPIENT, Meaning::Busy, "cbpolicyd quotas by recipient"),
    known(
        "mailbox has too many",
        "4",
        RECIPIENT,
        Meaning::Full,
        "Courier, Dovecot quota by number of messages",
    ),
    known("mailbox is throttl", "4", RECIPIENT, Meaning::Busy, "hosters with limits by mailbox"),
    known(
        "recipient*receiving mail*too quickly",
        "45",
        ANY,
        Meaning::Busy,
        "Gmail, support.google.com/mail/answer/6592",
    ),
    known(
        "out of storage space",
        "45",
        ANY,
        Meaning::Full,
        "Gmail, support.google.com/mail/?p=OverQuotaTemp",
    ),
    known(
        "recipient*mailbox*quota",
        "45",
        ANY,
        Meaning::Full,
        "Dovecot, Cyrus: quota_full_tempfail and the like",
    ),
    known(
        "mailbox is full",
        "45",
        ANY,
        Meaning::Full,
        "Dovecot LMTP, doc.dovecot.org quota_exceeded_message",
    ),
    known("mailbox full", "45", ANY, Meaning::Full, "Exchange, Courier"),
    known("user is over quota", "45", ANY, Meaning::Full, "Yahoo, Zimbra"),
    known("user over quota", "45", ANY, Meaning::Full, "cPanel"),
    known("over quota", "45", ANY, Meaning::Full, "qmail, Courier"),
    known("recipient verify", "45", RECIPIENT, Meaning::Gone, "Exim, verify = recipient/callout"),
    known("verify recipient", "45", RECIPIENT, Meaning::Gone, "callouts of MDaemon, Exim"),
    known("recipient verification", "45", RECIPIENT, Meaning::Gone, "Barracuda, Postfix verify(8)"),
    known(
        "unverified address",
        "45",
        RECIPIENT,
        Meaning::Gone,
        "Postfix, reject_unverified_recipient",
    ),
    known(
        "recipient address*blocked using",
        "45",
        RECIPIENT,
        Meaning::Policy,
        "Postfix, reject_rhsbl_recipient",
    ),
    known(
        "blocked by recipient",
        "45",
        RECIPIENT,
        Meaning::Policy,
        "Zoho, Proofpoint: a recipient's own block list",
    ),
    known(
        "blocked by the recipient",
        "45",
        RECIPIENT,
        Meaning::Policy,
        "Proofpoint Essentials, MailChannels: a recipient's own block list",
    ),
    known(
        "recipient has blocked",
        "45",
        RECIPIENT,
        Meaning::Policy,
        "hosters with block lists by mailbox",
    ),
    known("postgrey", "4", ANY, Meaning::Greylisted, "postgrey, where only its page is named"),
    known("greylist", "4", ANY, Meaning::Greylisted, "postgrey, rspamd, RFC 6647"),
    known("graylist", "4", ANY, Meaning::Greylisted, "milter-greylist, RFC 6647"),
    known("grey-list", "4", ANY, Meaning::Greylisted, "RFC 6647"),
    known("grey list", "4", ANY, Meaning::Greylisted, "RFC 6647"),
    // ----- so many messages over one connection
    known(
        "too many messages*connection",
        "45",
        ANY,
        Meaning::Share,
        "Exim, smtp_accept_max_per_connection",
    ),
    known("too many messages*session", "45", ANY, Meaning::Share, "PowerMTA and others"),
    known(
        "limit*per connection",
        "45",
        ANY,
        Meaning::Share,
        "relays that count the messages of a connection",
    ),
    known(
        "limit*per session",
        "45",
        ANY,
        Meaning::Share,
        "relays that count the messages of a session",
    ),
    known(
        "too many*this session",
        "45",
        ANY,
        Meaning::Share,
        "relays that count the messages of a session",
    ),
    known(
        "too many*this connection",
        "45",
        ANY,
        Meaning::Share,
        "relays that count the messages of a connection",
    ),
    known(
        "maximum*per connection",
        "45",
        ANY,
        Meaning::Share,
        "relays that count the messages of a connection",
    ),
    known(
        "maximum*per session",
        "45",
        ANY,
        Meaning::Share,
        "relays that count the messages of a session",
    ),
    known(
        "mails per session",
        "45",
        ANY,
        Meaning::Share,
        "IONOS, codefog/contao-events_subscriptions#57",
    ),
    known(
        "mails per connection",
        "45",
        ANY,
        Meaning::Share,
        "IONOS, codefog/contao-events_subscriptions#57",
    ),
    known("messages per session", "45", ANY, Meaning::Share, "hMailServer, MailEnable"),
    known(
        "messages per connection",
        "45",
        ANY,
        Meaning::Share,
        "Oracle Communications Messaging Server, MDaemon",
    ),
    known("too many mails in this session", "45", ANY, Meaning::Share, "United Internet"),
    known("too many transactions*session", "45", ANY, Meaning::Share, "Cisco ESA"),
    known("maximum number of messages*session", "45", ANY, Meaning::Share, "Cisco ESA"),
    known("too many nonmail commands", "45", ANY, Meaning::Share, "Exim, smtp_accept_max_nonmail"),
    // ----- the quota of a day, plan or credit
    known("5.1.90", "5", ANY, Meaning::Quota, "Exchange Online, learn.microsoft.com ndr 5.1.90"),
    known(
        "5.7.232",
        "5",
        ANY,
        Meaning::Quota,
        "Exchange Online, tenant external recipient rate limit",
    ),
    known(
        "5.7.233",
        "5",
        ANY,
        Meaning::Quota,
        "Exchange Online, tenant external recipient rate limit",
    ),
    known("5.7.236", "5", ANY, Meaning::Quota, "Exchange Online, limit of onmicrosoft.com senders"),
    known(
        "user sending limit exceeded",
        "45",
        ANY,
        Meaning::Quota,
        "Gmail, support.google.com/a/answer/3726730",
    ),
    known(
        "daily sending limit",
        "45",
        ANY,
        Meaning::Quota,
        "Gmail and Zoho, PHPMailer/PHPMailer#2113",
    ),
    known(
        "daily*quota*exceeded",
        "45",
        ANY,
        Meaning::Quota,
        "Amazon SES, docs.aws.amazon.com/ses manage-sending-quotas-errors",
    ),
    known("daily*limit*exceeded", "45", ANY, Meaning::Quota, "Gmail, gen-smtp/gen_smtp#140"),
    known("daily*limit*reached", "45", ANY, Meaning::Quota, "SMTP2GO, Brevo"),
    known("exceeded*daily*limit", "45", ANY, Meaning::Quota, "Exchange Online, Mailjet"),
    known("exceeded*daily*quota", "45", ANY, Meaning::Quota, "Resend, Drin"),
    known("reached*daily*limit", "45", ANY, Meaning::Quota, "Exchange Online"),
    known("reached*daily*quota", "45", ANY, Meaning::Quota, "Resend, resend.com/docs errors"),
    known("daily quota", "45", ANY, Meaning::Quota, "Resend, Drin, Emitlo"),
    known("monthly*quota", "45", ANY, Meaning::Quota, "Resend, resend.com/docs errors"),
    known("monthly*limit", "45", ANY, Meaning::Quota, "Mailgun, SMTP2GO"),
    known("hourly*limit*exceeded", "45", ANY, Meaning::Quota, "cPanel, DirectAdmin"),
    known("exceeded*hourly*limit", "45", ANY, Meaning::Quota, "Plesk, DirectAdmin"),
    known(
        "exceeded the max emails per",
        "45",
        ANY,
        Meaning::Quota,
        "cPanel's Exim, gophish/gophish#3231",
    ),
    known("exceeded the max defers and failures per", "45", ANY, Meaning::Quota, "cPanel's Exim"),
    known(
        "submission quota",
        "45",
        ANY,
        Meaning::Quota,
        "Exchange Online, STOREDRV SubmissionQuotaExceededException",
    ),
    known(
        "submissionquotaexceeded",
        "45",
        ANY,
        Meaning::Quota,
        "Exchange Online, STOREDRV SubmissionQuotaExceededException",
    ),
    known(
        "verdict is refusequota",
        "45",
        ANY,
        Meaning::Quota,
        "Exchange Online, WASCL, TYPO3 direct_mail#267",
    ),
    known(
        "outboundspamexception",
        "45",
        ANY,
        Meaning::Quota,
        "Exchange Online, WASCL, TYPO3 direct_mail#267",
    ),
    known("outmail quota", "45", ANY, Meaning::Quota, "postfwd rule sets of hosters"),
    known(
        "you have exceeded your*quota",
        "45",
        ANY,
        Meaning::Quota,
        "postfwd rule sets of hosters, policyd",
    ),
    known("sender*quota*exceeded", "45", ANY, Meaning::Quota, "Exchange Online"),
    known("sending quota", "45", ANY, Meaning::Quota, "Amazon SES, docs.aws.amazon.com/ses quotas"),
    known(
        "unusual sending activity",
        "45",
        ANY,
        Meaning::Quota,
        "Zoho, 5.4.6, zoho.com/mail/help error codes",
    ),
    known(
        "not allowed to send*sending limit exceeded",
        "45",
        ANY,
        Meaning::Quota,
        "Mailgun SMTP, coopdevs/timeoverflow#820",
    ),
    known(
        "account is on probation",
        "45",
        ANY,
        Meaning::Quota,
        "Mailgun SMTP, pivorak/web-app#711",
    ),
    known(
        "account will be enabled in",
        "45",
        ANY,
        Meaning::Quota,
        "Mailgun SMTP, pivorak/web-app#557",
    ),
    known(
        "maximum credits exceeded",
        "45",
        ANY,
        Meaning::Quota,
        "SendGrid, mautic/mautic#8721, sendgrid/sendgrid-nodejs#1032",
    ),
    known("credits exceeded", "45", ANY, Meaning::Quota, "SendGrid"),
    known("out of credits", "45", ANY, Meaning::Quota, "Postmark error 405, Elastic Email"),
    known("not enough credit", "45", ANY, Meaning::Quota, "Elastic Email, Brevo"),
    known("insufficient credit", "45", ANY, Meaning::Quota, "Elastic Email, SMTP.com"),
    known("no credits", "45", ANY, Meaning::Quota, "SMTP2GO"),
    known("free plan*limit", "45", ANY, Meaning::Quota, "Mailtrap, SMTP2GO"),
    known("plan*limit*reached", "45", ANY, Meaning::Quota, "Mailtrap, MailerSend"),
    known("reached*plan*limit", "45", ANY, Meaning::Quota, "Mailtrap, MailerSend"),
    // ----- the sender, the account or our address
    known("5.2.252", "5", ANY, Meaning::Sender, "Exchange Online, SendAsDenied"),
    known(
        "5.7.60",
        "5",
        ANY,
        Meaning::Sender,
        "Exchange Online, no permission to send as this sender",
    ),
    known("5.7.64", "5", ANY, Meaning::Relay, "Exchange Online, TenantAttribution"),
    known("5.7.57", "5", ANY, Meaning::Credentials, "Exchange Online, client not authenticated"),
    known("5.7.501", "5", ANY, Meaning::Sender, "Exchange Online, banned sender"),
    known("5.7.502", "5", ANY, Meaning::Sender, "Exchange Online, banned sender"),
    known("5.7.503", "5", ANY, Meaning::Sender, "Exchange Online, banned sender"),
    known("5.7.705", "5", ANY, Meaning::Sender, "Exchange Online, tenant over its threshold"),
    known("5.7.708", "5", ANY, Meaning::Sender, "Exchange Online, low reputation address"),
    known("5.7.750", "5", ANY, Meaning::Sender, "Exchange Online, unregistered domain"),
    known("sendasdenied", "45", ANY, Meaning::Sender, "Exchange Online, gophish/gophish#2900"),
    known(
        "not allowed to send as",
        "45",
        ANY,
        Meaning::Sender,
        "Exchange Online, FusionAuth/fusionauth-issues#220",
    ),
    known(
        "bad outbound sender",
        "45",
        ANY,
        Meaning::Sender,
        "Exchange Online 5.1.8, learn.microsoft.com",
    ),
    known(
        "email outgoing blocked",
        "45",
        ANY,
        Meaning::Sender,
        "Zoho 5.1.8, zoho.com/mail/help error codes",
    ),
    known(
        "sender is unauthenticated",
        "45",
        ANY,
        Meaning::Sender,
        "Gmail 5.7.26, support.google.com/mail/answer/81126",
    ),
    known("sending paused for this account", "45", ANY, Meaning::Sender, "Amazon SES"),
    known("account*suspended", "5", BEFORE, Meaning::Sender, "SMTP2GO, SparkPost"),
    known("your account has been suspended", "45", ANY, Meaning::Sender, "Mailjet, Brevo"),
    known(
        "verified sender identity",
        "45",
        ANY,
        Meaning::Sender,
        "SendGrid, docs.sendgrid.com sender-identity",
    ),
    known(
        "email address is not verified",
        "45",
        ANY,
        Meaning::Sender,
        "Amazon SES, identities that are not verified",
    ),
    known("sender*not verified", "45", ANY, Meaning::Sender, "Brevo, MailerSend"),
    known(
        "not authorized to send from",
        "4",
        ANY,
        Meaning::Sender,
        "SendGrid 403, docs.sendgrid.com",
    ),
    known("not authorized to send from", "5", ANY, Meaning::Sender, "SendGrid, docs.sendgrid.com"),
    known(
        "permissions to send as this sender",
        "5",
        ANY,
        Meaning::Sender,
        "Exchange 5.7.1, 5.7.60",
    ),
    known(
        "account outbounds disabled",
        "45",
        ANY,
        Meaning::Sender,
        "Mimecast, community.mimecast.com SMTP error codes",
    ),
    known(
        "sandbox subdomains are for test purposes",
        "45",
        ANY,
        Meaning::Sender,
        "Mailgun, documentation.mailgun.com",
    ),
    known(
        "sender address rejected: not owned by",
        "45",
        ANY,
        Meaning::Sender,
        "Postfix, reject_sender_login_mismatch",
    ),
    known("sender address is not allowed", "45", ANY, Meaning::Sender, "GMX, WEB.DE"),
    known(
        "traffic not accepted from this ip",
        "45",
        ANY,
        Meaning::Sender,
        "Exchange Online AS(7230)",
    ),
    known("host*blocked using", "45", ANY, Meaning::Sender, "Postfix, reject_rbl_client; Spamhaus"),
    known(
        "client*blocked using",
        "45",
        ANY,
        Meaning::Sender,
        "Postfix, reject_rbl_client with a text of its own",
    ),
    known(
        "sender address*blocked using",
        "45",
        ANY,
        Meaning::Sender,
        "Postfix, reject_rhsbl_sender",
    ),
    known(
        "your ip*blocked using",
        "45",
        ANY,
        Meaning::Sender,
        "Exim and cPanel with lists of addresses",
    ),
    known(
        "ip address*blocked using",
        "45",
        ANY,
        Meaning::Sender,
        "Exim and cPanel with lists of addresses",
    ),
    known(
        "blocked using zen.spamhaus.org",
        "45",
        ANY,
        Meaning::Sender,
        "Spamhaus ZEN, which lists addresses only",
    ),
    known("listed at*spamhaus", "45", ANY, Meaning::Sender, "Exim, Haraka with Spamhaus"),
    known("black list at*spamhaus", "45", ANY, Meaning::Sender, "Exim, dnslists in ACLs"),
    known(
        "spamhaus.org/query/ip",
        "45",
        ANY,
        Meaning::Sender,
        "Spamhaus, links of its lists of addresses",
    ),
    known(
        "spamhaus.org/sbl",
        "45",
        ANY,
        Meaning::Sender,
        "Spamhaus, links of its lists of addresses",
    ),
    known("listed in*dnsbl", "45", ANY, Meaning::Sender, "Sendmail, rspamd"),
    known(
        "client host*blocked",
        "45",
        ANY,
        Meaning::Sender,
        "Postfix, Exchange Online banned sender",
    ),
    known("banned sender[", "5", ANY, Meaning::Sender, "Exchange Online 5.7.511"),
    known("network is on our block list", "5", ANY, Meaning::Sender, "Outlook.com S3140, S3150"),
    known("ip is in spamhaus", "5", ANY, Meaning::Sender, "Yahoo BL21, BL23"),
    known(
        "due to listing in spamhaus",
        "5",
        ANY,
        Meaning::Sender,
        "iCloud, support.apple.com/102322",
    ),
    known(
        "found on one or more dnsbls",
        "45",
        ANY,
        Meaning::Sender,
        "Comcast BL000001, postmaster.comcast.net",
    ),
    known("is in an rbl", "45", ANY, Meaning::Sender, "cPanel's Exim, JunkMail rejected"),
    known(
        "ip address is block listed",
        "45",
        ANY,
        Meaning::Sender,
        "GMX, WEB.DE, postmaster.gmx.net",
    ),
    known(
        "ip address is black listed",
        "45",
        ANY,
        Meaning::Sender,
        "GMX, IONOS, postmaster.gmx.net",
    ),
    known("ip blacklisted by", "45", ANY, Meaning::Sender, "Libero with Cloudmark CSI"),
    known("your ip*blocked from this server", "45", ANY, Meaning::Sender, "Naver"),
    known(
        "a problem occurred. ask your postmaster",
        "5",
        BEFORE,
        Meaning::Sender,
        "T-Online, postmaster.t-online.de",
    ),
    known("ipcheck.proofpoint.com/", "5", ANY, Meaning::Sender, "Proofpoint's list of addresses"),
    known(
        "support.proofpoint.com/dnsbl-lookup",
        "5",
        ANY,
        Meaning::Sender,
        "Proofpoint's list of addresses, iCloud",
    ),
    known("banned sending ip", "45", ANY, Meaning::Sender, "Exchange Online 5.7.606"),
    // ----- the name we say at EHLO
    known("helo command rejected", "45", ANY, Meaning::Hello, "Postfix, bitwarden/server#4062"),
    known("invalid helo", "45", ANY, Meaning::Hello, "cPanel's Exim"),
    known(
        "helo*need fully-qualified hostname",
        "45",
        ANY,
        Meaning::Hello,
        "Postfix, docker-smtp#5",
    ),
    known("bad helo", "45", ANY, Meaning::Hello, "Exim ACLs of hosters"),
    // ----- the relay does not know us
    known("relay not permitted", "45", ANY, Meaning::Relay, "Exim, namshi/docker-smtp#77"),
    known("relay access denied", "45", ANY, Meaning::Relay, "Postfix, reject_unauth_destination"),
    known("relaying denied", "45", ANY, Meaning::Relay, "Sendmail, Mailgun"),
    known("relay denied", "45", ANY, Meaning::Relay, "MDaemon, Lotus Domino"),
    known("unable to relay", "45", ANY, Meaning::Relay, "Exchange 5.7.54"),
    known(
        "relaying disallowed",
        "45",
        ANY,
        Meaning::Relay,
        "Zoho 553, zoho.com/mail/help error codes",
    ),
    known("relaying not allowed", "45", ANY, Meaning::Relay, "Courier, MailEnable"),
    known("relaying is not allowed", "45", ANY, Meaning::Relay, "Axigen"),
    known("we do not relay", "45", ANY, Meaning::Relay, "Kerio Connect, CommuniGate Pro"),
    known("does not relay", "45", ANY, Meaning::Relay, "OpenSMTPD, IceWarp"),
    known(
        "open relay not allowed",
        "45",
        ANY,
        Meaning::Relay,
        "Mimecast, community.mimecast.com SMTP error codes",
    ),
    known("no relaying allowed", "45", ANY, Meaning::Relay, "Postini"),
    known("relay rejected for policy reasons", "5", ANY, Meaning::Relay, "HCL Domino"),
    known("not permitted to relay", "5", ANY, Meaning::Relay, "cPanel's Exim"),
    known("relaying to*denied", "5", ANY, Meaning::Relay, "Kerio Connect"),
    known(
        "requires authentication when attempting to send to a non-local",
        "5",
        ANY,
        Meaning::Relay,
        "MailEnable",
    ),
    known("authentication is required for relay", "5", ANY, Meaning::Relay, "SmarterMail"),
    known("credentials for relay", "45", ANY, Meaning::Relay, "Google Workspace SMTP relay"),
    known(
        "list of allowed rcpthosts",
        "45",
        ANY,
        Meaning::Relay,
        "qmail, RCPT to a host it does not know",
    ),
    // ----- credentials
    known("username and password not accepted", "5", BEFORE, Meaning::Credentials, "Gmail 5.7.8"),
    known(
        "authentication unsuccessful",
        "5",
        LOGIN,
        Meaning::Credentials,
        "Exchange Online 5.7.3, 5.7.139",
    ),
    // ----- sent too much for now
    known(
        "mailbox unavailable~try again later",
        "5",
        ANY,
        Meaning::Rate,
        "GMX, nodemailer/nodemailer#1555, PHPMailer/PHPMailer#1114",
    ),
    known(
        "failure sending mail~try again later",
        "5",
        ANY,
        Meaning::Rate,
        "GMX, jstedfast/MailKit#968",
    ),
    known(
        "ip frequency limited",
        "45",
        ANY,
        Meaning::Rate,
        "qq.com, service.mail.qq.com/detail/122/172",
    ),
    known(
        "domain frequency limited",
        "45",
        ANY,
        Meaning::Rate,
        "qq.com, service.mail.qq.com/detail/122/173",
    ),
    known(
        "sender frequency limited",
        "45",
        ANY,
        Meaning::Rate,
        "qq.com, service.mail.qq.com/detail/122/174",
    ),
    known(
        "connection frequency limited",
        "45",
        ANY,
        Meaning::Rate,
        "qq.com, service.mail.qq.com/detail/122/175",
    ),
    known(
        "outbound thread limit",
        "45",
        ANY,
        Meaning::Rate,
        "Mimecast, community.mimecast.com SMTP error codes",
    ),
    known("mi:cel", "45", ANY, Meaning::Rate, "NetEase 163, too many connections of an address"),
    known("rp:cel", "45", ANY, Meaning::Rate, "NetEase 163, too many mails of a sender"),
    known("rp:drc", "45", ANY, Meaning::Rate, "NetEase 163, too many recipients of a sender"),
    known("rp:trc", "45", ANY, Meaning::Rate, "NetEase 163, too many recipients at once"),
    known("relay limit exceeded", "45", ANY, Meaning::Rate, "Gmail, peak SMTP relay limit"),
    known("rate limit", "45", ANY, Meaning::Rate, "Fastmail, Mailgun, Outlook.com"),
    known(
        "ratelimit",
        "45",
        ANY,
        Meaning::Rate,
        "rspamd in mailcow, mailcow/mailcow-dockerized#1497",
    ),
    known("rate-limit", "45", ANY, Meaning::Rate, "Yahoo, SparkPost"),
    known("sending rate", "45", ANY, Meaning::Rate, "Amazon SES"),
    known("message rate", "4", ANY, Meaning::Rate, "Outlook.com RP-001"),
    known("connection rate", "4", ANY, Meaning::Rate, "Postfix anvil, Sendmail"),
    known("rate exceeded", "4", ANY, Meaning::Rate, "Exim ratelimit ACLs"),
    known("allowed rate", "4", ANY, Meaning::Rate, "Exim ratelimit ACLs"),
    known("throttl", "4", ANY, Meaning::Rate, "Amazon SES, Exchange Online"),
    known("too many concurrent", "4", ANY, Meaning::Rate, "Amazon SES, Exim"),
    known("too many", "4", BEFORE, Meaning::Rate, "Postfix anvil, Exim, Amazon SES"),
    known("too many connections", "4", ANY, Meaning::Rate, "Postfix anvil, Exim, Yahoo"),
    known("too many messages", "4", ANY, Meaning::Rate, "Exim, policyd"),
    known("too many mails", "4", ANY, Meaning::Rate, "hosters with policyd"),
    known("too many emails", "4", ANY, Meaning::Rate, "hosters with policyd"),
    known("too many recipients", "4", ANY, Meaning::Rate, "Postfix anvil, policyd"),
    known("too many requests", "4", ANY, Meaning::Rate, "APIs, RFC 6585"),
    known("too frequent", "4", ANY, Meaning::Rate, "SendGrid, Mailfence"),
    known("too quickly", "4", ANY, Meaning::Rate, "Gmail"),
    known("too fast", "4", ANY, Meaning::Rate, "Orange, Laposte"),
    known("too much mail", "4", ANY, Meaning::Rate, "Postfix anvil, IONOS"),
    known("number*messages per", "45", ANY, Meaning::Rate, "mailcow, policyd: messages per hour"),
    known(
        "messages per hour",
        "45",
        ANY,
        Meaning::Rate,
        "policyd, mailcow/mailcow-dockerized#1693",
    ),
    known("messages per minute", "45", ANY, Meaning::Rate, "Office 365, policyd"),
    known("emails per hour", "45", ANY, Meaning::Rate, "cPanel, Plesk"),
    known("server busy", "4", ANY, Meaning::Rate, "Exchange Online 4.7.500"),
    known(
        "concurrent connections limit",
        "4",
        ANY,
        Meaning::Rate,
        "Exchange Online 4.3.2, sabuhish/fastapi-mail#75",
    ),
    known(
        "thread limit exceeded",
        "4",
        ANY,
        Meaning::Rate,
        "Exchange Online 4.3.2, STOREDRV.ClientSubmit",
    ),
    known("due to unexpected volume", "4", ANY, Meaning::Rate, "Yahoo TSS04"),
    known("tss04", "4", ANY, Meaning::Rate, "Yahoo TSS04, senders.yahooinc.com"),
    known("gl01", "4", ANY, Meaning::Rate, "Yahoo GL01, senders.yahooinc.com"),
    known("4.7.28", "4", ANY, Meaning::Rate, "RFC 8838 registry: mail flood; Gmail"),
    // ----- the directory of the receiving organisation
    known(
        "recipient address rejected: access denied",
        "5",
        ANY,
        Meaning::Gone,
        "Exchange Online 5.4.1, directory based edge blocking",
    ),
    known(
        "requested action not taken: mailbox unavailable",
        "5",
        ANY,
        Meaning::Gone,
        "Outlook.com 5.5.0",
    ),
    known("wurde nicht in*gefunden", "5", ANY, Meaning::Gone, "Outlook.com in German"),
    known("nebyl v*nalezen", "5", ANY, Meaning::Gone, "Outlook.com in Czech"),
    known("wurde unter*nicht gefunden", "5", ANY, Meaning::Gone, "Outlook.com in German"),
    known("invalid rcpt to address", "5", ANY, Meaning::Address, "Amazon SES"),
];
