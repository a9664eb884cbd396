//! What services are known to say, as data: a phrase or a status, where it counts, what it means, and who says it.
//!
//! A phrase is looked for in lowercase prose without mail addresses ([`super::prose`]); `*` in it stands for any text. Entries are asked in
//! order and the first that fits decides, so what is about one mailbox stands before what is about us.

use super::{Meaning, Place};

/// One piece of knowledge.
pub(super) struct Known {
    /// A phrase, or a status such as `5.1.90`, which begins with a digit and has two full stops.
    pub(super) says: &'static str,
    /// The first digits of the reply codes beside which it counts; codes of APIs have the same digits.
    pub(super) digits: &'static str,
    /// Where it counts.
    pub(super) at: &'static [Place],
    pub(super) means: Meaning,
    /// Who says so, and where that was seen.
    pub(super) source: &'static str,
}

/// Everywhere.
const ANY: &[Place] = &[Place::Greeting, Place::Hello, Place::Auth, Place::Mail, Place::Rcpt, Place::Message, Place::Api, Place::Bounce];
/// Where a login is refused.
const LOGIN: &[Place] = &[Place::Auth];
/// Where nothing has been said about a recipient.
const BEFORE: &[Place] = &[Place::Greeting, Place::Hello, Place::Auth, Place::Mail];

const fn known(says: &'static str, digits: &'static str, at: &'static [Place], means: Meaning, source: &'static str) -> Known {
    Known { says, digits, at, means, source }
}

/// Everything that is known.
pub(super) const KNOWN: &[Known] = &[
    // ----- one mailbox, although words of rate or quota are used
    known("user you are trying to contact is receiving", "45", ANY, Meaning::Busy, "Gmail, support.google.com/mail/answer/6592"),
    known("recipient*receiving mail*too quickly", "45", ANY, Meaning::Busy, "Gmail, support.google.com/mail/answer/6592"),
    known("out of storage space", "45", ANY, Meaning::Full, "Gmail, support.google.com/mail/?p=OverQuotaTemp"),
    known("recipient*mailbox*quota", "45", ANY, Meaning::Full, "Dovecot, Cyrus: quota_full_tempfail and the like"),
    known("mailbox is full", "45", ANY, Meaning::Full, "Dovecot LMTP, doc.dovecot.org quota_exceeded_message"),
    known("mailbox full", "45", ANY, Meaning::Full, "Exchange, Courier"),
    known("user is over quota", "45", ANY, Meaning::Full, "Yahoo, Zimbra"),
    known("user over quota", "45", ANY, Meaning::Full, "cPanel"),
    known("over quota", "45", ANY, Meaning::Full, "qmail, Courier"),
    known("greylist", "4", ANY, Meaning::Greylisted, "postgrey, rspamd, RFC 6647"),
    known("graylist", "4", ANY, Meaning::Greylisted, "milter-greylist, RFC 6647"),
    known("grey-list", "4", ANY, Meaning::Greylisted, "RFC 6647"),
    known("grey list", "4", ANY, Meaning::Greylisted, "RFC 6647"),
    // ----- so many messages over one connection
    known("too many messages*connection", "45", ANY, Meaning::Share, "Exim, smtp_accept_max_per_connection"),
    known("too many messages*session", "45", ANY, Meaning::Share, "PowerMTA and others"),
    known("mails per session", "45", ANY, Meaning::Share, "IONOS, codefog/contao-events_subscriptions#57"),
    known("mails per connection", "45", ANY, Meaning::Share, "IONOS, codefog/contao-events_subscriptions#57"),
    known("messages per session", "45", ANY, Meaning::Share, "hMailServer, MailEnable"),
    known("messages per connection", "45", ANY, Meaning::Share, "Oracle Communications Messaging Server, MDaemon"),
    known("too many mails in this session", "45", ANY, Meaning::Share, "United Internet"),
    known("too many transactions*session", "45", ANY, Meaning::Share, "Cisco ESA"),
    known("maximum number of messages*session", "45", ANY, Meaning::Share, "Cisco ESA"),
    known("too many nonmail commands", "45", ANY, Meaning::Share, "Exim, smtp_accept_max_nonmail"),
    // ----- the quota of a day, plan or credit
    known("5.1.90", "5", ANY, Meaning::Quota, "Exchange Online, learn.microsoft.com ndr 5.1.90"),
    known("5.7.232", "5", ANY, Meaning::Quota, "Exchange Online, tenant external recipient rate limit"),
    known("5.7.233", "5", ANY, Meaning::Quota, "Exchange Online, tenant external recipient rate limit"),
    known("5.7.236", "5", ANY, Meaning::Quota, "Exchange Online, limit of onmicrosoft.com senders"),
    known("user sending limit exceeded", "45", ANY, Meaning::Quota, "Gmail, support.google.com/a/answer/3726730"),
    known("daily sending limit", "45", ANY, Meaning::Quota, "Gmail and Zoho, PHPMailer/PHPMailer#2113"),
    known("daily*quota*exceeded", "45", ANY, Meaning::Quota, "Amazon SES, docs.aws.amazon.com/ses manage-sending-quotas-errors"),
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
    known("exceeded the max emails per", "45", ANY, Meaning::Quota, "cPanel's Exim, gophish/gophish#3231"),
    known("exceeded the max defers and failures per", "45", ANY, Meaning::Quota, "cPanel's Exim"),
    known("submission quota", "45", ANY, Meaning::Quota, "Exchange Online, STOREDRV SubmissionQuotaExceededException"),
    known("submissionquotaexceeded", "45", ANY, Meaning::Quota, "Exchange Online, STOREDRV SubmissionQuotaExceededException"),
    known("verdict is refusequota", "45", ANY, Meaning::Quota, "Exchange Online, WASCL, TYPO3 direct_mail#267"),
    known("outboundspamexception", "45", ANY, Meaning::Quota, "Exchange Online, WASCL, TYPO3 direct_mail#267"),
    known("outmail quota", "45", ANY, Meaning::Quota, "postfwd rule sets of hosters"),
    known("you have exceeded your*quota", "45", ANY, Meaning::Quota, "postfwd rule sets of hosters, policyd"),
    known("sender*quota*exceeded", "45", ANY, Meaning::Quota, "Exchange Online"),
    known("sending quota", "45", ANY, Meaning::Quota, "Amazon SES, docs.aws.amazon.com/ses quotas"),
    known("unusual sending activity", "45", ANY, Meaning::Quota, "Zoho, 5.4.6, zoho.com/mail/help error codes"),
    known("not allowed to send*sending limit exceeded", "45", ANY, Meaning::Quota, "Mailgun SMTP, coopdevs/timeoverflow#820"),
    known("account is on probation", "45", ANY, Meaning::Quota, "Mailgun SMTP, pivorak/web-app#711"),
    known("account will be enabled in", "45", ANY, Meaning::Quota, "Mailgun SMTP, pivorak/web-app#557"),
    known("maximum credits exceeded", "45", ANY, Meaning::Quota, "SendGrid, mautic/mautic#8721, sendgrid/sendgrid-nodejs#1032"),
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
    known("5.7.60", "5", ANY, Meaning::Sender, "Exchange Online, no permission to send as this sender"),
    known("5.7.64", "5", ANY, Meaning::Relay, "Exchange Online, TenantAttribution"),
    known("5.7.57", "5", ANY, Meaning::Credentials, "Exchange Online, client not authenticated"),
    known("5.7.501", "5", ANY, Meaning::Sender, "Exchange Online, banned sender"),
    known("5.7.502", "5", ANY, Meaning::Sender, "Exchange Online, banned sender"),
    known("5.7.503", "5", ANY, Meaning::Sender, "Exchange Online, banned sender"),
    known("5.7.705", "5", ANY, Meaning::Sender, "Exchange Online, tenant over its threshold"),
    known("5.7.708", "5", ANY, Meaning::Sender, "Exchange Online, low reputation address"),
    known("5.7.750", "5", ANY, Meaning::Sender, "Exchange Online, unregistered domain"),
    known("sendasdenied", "45", ANY, Meaning::Sender, "Exchange Online, gophish/gophish#2900"),
    known("not allowed to send as", "45", ANY, Meaning::Sender, "Exchange Online, FusionAuth/fusionauth-issues#220"),
    known("bad outbound sender", "45", ANY, Meaning::Sender, "Exchange Online 5.1.8, learn.microsoft.com"),
    known("email outgoing blocked", "45", ANY, Meaning::Sender, "Zoho 5.1.8, zoho.com/mail/help error codes"),
    known("sender is unauthenticated", "45", ANY, Meaning::Sender, "Gmail 5.7.26, support.google.com/mail/answer/81126"),
    known("sending paused for this account", "45", ANY, Meaning::Sender, "Amazon SES"),
    known("account*suspended", "5", BEFORE, Meaning::Sender, "SMTP2GO, SparkPost"),
    known("your account has been suspended", "45", ANY, Meaning::Sender, "Mailjet, Brevo"),
    known("verified sender identity", "45", ANY, Meaning::Sender, "SendGrid, docs.sendgrid.com sender-identity"),
    known("email address is not verified", "45", ANY, Meaning::Sender, "Amazon SES, identities that are not verified"),
    known("sender*not verified", "45", ANY, Meaning::Sender, "Brevo, MailerSend"),
    known("not authorized to send from", "4", ANY, Meaning::Sender, "SendGrid 403, docs.sendgrid.com"),
    known("not authorized to send from", "5", ANY, Meaning::Sender, "SendGrid, docs.sendgrid.com"),
    known("sandbox subdomains are for test purposes", "45", ANY, Meaning::Sender, "Mailgun, documentation.mailgun.com"),
    known("sender address rejected: not owned by", "45", ANY, Meaning::Sender, "Postfix, reject_sender_login_mismatch"),
    known("sender address is not allowed", "45", ANY, Meaning::Sender, "GMX, WEB.DE"),
    known("traffic not accepted from this ip", "45", ANY, Meaning::Sender, "Exchange Online AS(7230)"),
    known("blocked using", "45", ANY, Meaning::Sender, "Postfix, reject_rbl_client; Spamhaus"),
    known("listed at*spamhaus", "45", ANY, Meaning::Sender, "Exim, Haraka with Spamhaus"),
    known("spamhaus.org", "45", ANY, Meaning::Sender, "Spamhaus, links of its lists"),
    known("listed in*dnsbl", "45", ANY, Meaning::Sender, "Sendmail, rspamd"),
    known("client host*blocked", "45", ANY, Meaning::Sender, "Postfix, Exchange Online banned sender"),
    known("banned sending ip", "45", ANY, Meaning::Sender, "Exchange Online 5.7.606"),
    // ----- the name we say at EHLO
    known("helo command rejected", "45", ANY, Meaning::Hello, "Postfix, bitwarden/server#4062"),
    known("invalid helo", "45", ANY, Meaning::Hello, "cPanel's Exim"),
    known("helo*need fully-qualified hostname", "45", ANY, Meaning::Hello, "Postfix, docker-smtp#5"),
    known("bad helo", "45", ANY, Meaning::Hello, "Exim ACLs of hosters"),
    // ----- the relay does not know us
    known("relay not permitted", "45", ANY, Meaning::Relay, "Exim, namshi/docker-smtp#77"),
    known("relay access denied", "45", ANY, Meaning::Relay, "Postfix, reject_unauth_destination"),
    known("relaying denied", "45", ANY, Meaning::Relay, "Sendmail, Mailgun"),
    known("relay denied", "45", ANY, Meaning::Relay, "MDaemon, Lotus Domino"),
    known("unable to relay", "45", ANY, Meaning::Relay, "Exchange 5.7.54"),
    known("relaying disallowed", "45", ANY, Meaning::Relay, "Zoho 553, zoho.com/mail/help error codes"),
    known("relaying not allowed", "45", ANY, Meaning::Relay, "Courier, MailEnable"),
    known("relaying is not allowed", "45", ANY, Meaning::Relay, "Axigen"),
    known("we do not relay", "45", ANY, Meaning::Relay, "Kerio Connect, CommuniGate Pro"),
    known("does not relay", "45", ANY, Meaning::Relay, "OpenSMTPD, IceWarp"),
    known("credentials for relay", "45", ANY, Meaning::Relay, "Google Workspace SMTP relay"),
    known("list of allowed rcpthosts", "45", ANY, Meaning::Relay, "qmail, RCPT to a host it does not know"),
    // ----- credentials
    known("username and password not accepted", "5", BEFORE, Meaning::Credentials, "Gmail 5.7.8"),
    known("authentication unsuccessful", "5", LOGIN, Meaning::Credentials, "Exchange Online 5.7.3, 5.7.139"),
    // ----- sent too much for now
    known("mailbox unavailable*try again later", "45", ANY, Meaning::Rate, "GMX, nodemailer/nodemailer#1555, PHPMailer/PHPMailer#1114"),
    known("failure sending mail*try again later", "45", ANY, Meaning::Rate, "GMX, jstedfast/MailKit#968"),
    known("relay limit exceeded", "45", ANY, Meaning::Rate, "Gmail, peak SMTP relay limit"),
    known("rate limit", "45", ANY, Meaning::Rate, "Fastmail, Mailgun, Outlook.com"),
    known("ratelimit", "45", ANY, Meaning::Rate, "rspamd in mailcow, mailcow/mailcow-dockerized#1497"),
    known("rate-limit", "45", ANY, Meaning::Rate, "Yahoo, SparkPost"),
    known("sending rate", "45", ANY, Meaning::Rate, "Amazon SES"),
    known("message rate", "4", ANY, Meaning::Rate, "Outlook.com RP-001"),
    known("connection rate", "4", ANY, Meaning::Rate, "Postfix anvil, Sendmail"),
    known("rate exceeded", "4", ANY, Meaning::Rate, "Exim ratelimit ACLs"),
    known("allowed rate", "4", ANY, Meaning::Rate, "Exim ratelimit ACLs"),
    known("throttl", "4", ANY, Meaning::Rate, "Amazon SES, Exchange Online"),
    known("too many", "4", ANY, Meaning::Rate, "Postfix anvil, Exim, Amazon SES"),
    known("too frequent", "4", ANY, Meaning::Rate, "SendGrid, Mailfence"),
    known("too quickly", "4", ANY, Meaning::Rate, "Gmail"),
    known("too fast", "4", ANY, Meaning::Rate, "Orange, Laposte"),
    known("too much mail", "4", ANY, Meaning::Rate, "Postfix anvil, IONOS"),
    known("number*messages per", "45", ANY, Meaning::Rate, "mailcow, policyd: messages per hour"),
    known("messages per hour", "45", ANY, Meaning::Rate, "policyd, mailcow/mailcow-dockerized#1693"),
    known("messages per minute", "45", ANY, Meaning::Rate, "Office 365, policyd"),
    known("emails per hour", "45", ANY, Meaning::Rate, "cPanel, Plesk"),
    known("server busy", "4", ANY, Meaning::Rate, "Exchange Online 4.7.500"),
    known("thread limit exceeded", "4", ANY, Meaning::Rate, "Exchange Online 4.3.2, STOREDRV.ClientSubmit"),
    known("due to unexpected volume", "4", ANY, Meaning::Rate, "Yahoo TSS04"),
    known("tss04", "4", ANY, Meaning::Rate, "Yahoo TSS04, senders.yahooinc.com"),
    known("gl01", "4", ANY, Meaning::Rate, "Yahoo GL01, senders.yahooinc.com"),
    known("4.7.28", "4", ANY, Meaning::Rate, "RFC 8838 registry: mail flood; Gmail"),
    // ----- the directory of the receiving organisation
    known("recipient address rejected: access denied", "5", ANY, Meaning::Gone, "Exchange Online 5.4.1, directory based edge blocking"),
    known("requested action not taken: mailbox unavailable", "5", ANY, Meaning::Gone, "Outlook.com 5.5.0"),
    known("invalid rcpt to address", "5", ANY, Meaning::Address, "Amazon SES"),
];
