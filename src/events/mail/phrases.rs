//! What mail systems say in prose, in the languages they speak, and which class it means.
//!
//! The groups are asked in order, so what is unmistakable (a block list, a full mailbox) comes before what many systems also write on other
//! occasions (`recipient address rejected`). All phrases are lowercase; white space in a text is made one space before they are looked for.

use crate::events::Class;

/// A class and what stands for it.
pub(super) type Group = (Class, &'static [&'static str]);

/// Asked first to last; the first phrase found decides.
pub(super) const GROUPS: &[Group] = &[
    (Class::MailboxFull, FULL),
    (Class::TooLarge, TOO_LARGE),
    (Class::Policy, BLOCKED),
    (Class::Rate, RATE),
    (Class::DomainGone, DOMAIN),
    (Class::MailboxDisabled, DISABLED),
    (Class::MailboxGone, GONE),
    (Class::BadAddress, MALFORMED),
    (Class::Content, CONTENT),
    (Class::Routing, ROUTING),
    (Class::Expired, EXPIRED),
    (Class::Policy, POLICY),
    (Class::System, SYSTEM),
];

const FULL: &[&str] = &[
    "mailbox full", "mailbox is full", "mailbox too full", "mail box full", "mailfolder is full", "over quota", "overquota", "over its quota",
    "quota exceed", "exceeded quota", "exceeds quota", "exceed the quota", "quota has been exceeded", "exceeded storage", "storage quota",
    "exceeded its quota", "out of storage", "disk quota", "quota violation", "user is over", "account is full", "exceeded the disk",
    "mailbox has exceeded", "exceeded the limit of mailbox", "mailbox quota", "mailbox exceeds allowed size", "mailbox size limit", "inbox is full", "inbox full",
    "no space left on", "not enough storage", "insufficient storage", "insufficient system storage", "not enough disk space",
    "insufficient disk space", "mail-box is full", "boite du destinataire pleine", "boîte pleine", "boite pleine", "quota dépassé", "postfach ist voll",
    "postfach voll", "postfach ist überfüllt", "speicherplatz", "kontingent", "buzón lleno", "buzon lleno", "casella piena", "caixa cheia", "caixa de correio cheia",
    "casella di posta piena", "mailbox vol", "postvak is vol", "почтовый ящик переполнен", "ящик переполнен", "邮箱已满", "郵箱已滿", "邮箱空间不足", "メールボックスがいっぱい",
    "メールボックスの容量", "容量を超え", "mailbox would exceed", "would be over quota", "would exceed mailbox", "maildir over", "delivery would exceed",
    "exceeded his/her quota", "exceeded their quota", "exceeded his quota", "is full and can't accept", "user has exhausted", "exhausted allowed storage",
    "storage limit", "mail quota", "sufficient disk space", "no room in mailbox", "message would exceed", "超出邮箱", "収容できません",
];

const TOO_LARGE: &[&str] = &[
    "message size exceeds", "message too large", "message too big", "message is too large", "message is too big", "message file too big", "size limit exceeded",
    "exceeds maximum size", "exceeds the maximum", "exceeds size limit", "exceeds maximum message size", "message larger than", "message header size", "message exceeded max",
    "too large for this host", "message length exceeds", "exceeded maximum inbound message size", "max message size", "maximum message size",
    "exceeds administrative limit", "size exceeds", "larger than the maximum", "larger than the current system limit", "exceeds fixed maximum", "exceeds fixed limit",
    "message exceeds", "nachricht ist zu groß", "nachricht zu groß", "message trop volumineux", "mensaje demasiado grande", "messaggio troppo grande",
    "mensagem muito grande", "bericht is te groot", "слишком большой", "邮件太大", "邮件大小超过",
];

const BLOCKED: &[&str] = &[
    "spamhaus", "after mail from", "not a member of this", "groups.google.com/support", "support.google.com/a/", "email preferences of the person", "spamcop", "barracudacentral", "sorbs", "blacklist", "black list", "blocklist", "block list", "blocked using", "blocked by", "denylist", "rbl ", "dnsbl",
    "is listed", "are listed", "listed at ", "currently listed", "listed by", "dns list", "poor reputation", "bad reputation", "low reputation", "reputation", "spf check", "spf fail", "failed spf", "spf record", "sender policy framework",
    "dkim", "dmarc", "unsolicited", "looks like spam", "considered spam", "detected as spam", "identified as spam", "spam message", "spam content", "as spam", "spamassassin", "spam score",
    "spam filter", "spam detected", "contains spam", "considered as spam", "suspected spam", "probable spam", "rejected as spam", "is spam", "anti-spam", "antispam", "junk mail", "like spam", "spamming",
    "reverse dns", "rdns", "ptr record", "reverse lookup", "dynamic ip", "dial-up", "dialup", "generic hostname", "unauthenticated email", "unauthenticated mail", "not authenticated",
    "authentication checks", "sender verify", "sender verification", "sender address rejected", "sender rejected", "sender domain", "sender denied", "sender not allowed", "envelope blocked",
    "sending ip", "your ip", "client host", "ip address has been", "message rejected due to", "content rejected", "message content rejected", "denied by policy", "policy reasons", "policy violation", "policy restrictions",
    "local policy", "administrative prohibition", "administratively prohibited", "administrative policy", "security policy", "due to security", "not authorized to send", "not permitted to send", "not allowed to send",
    "not authorised to send", "prohibited by", "isn't allowed", "permission to send", "permission to submit", "only accepts", "restricted recipient", "allow only", "virus", "malware", "phish", "trojan", "infected",
    "relay access denied", "relaying denied", "relay denied", "relay not permitted", "unable to relay", "not permitted to relay", "relaying not allowed", "relaying is prohibited", "relaying prohibited", "not a relay",
    "we do not relay", "rule imposed mailbox access", "banned", "blocked message", "has been blocked", "was blocked", "is blocked", "mail refused", "refused mail", "not accepting mail from",
    "not accept mail from", "doesn't accept mail from", "does not accept mail from", "bad sending", "suspicious", "abuse",
    "sieve filter", "refused by the recipient", "access denied. please", "helo", "ehlo name", "challenge", "rejected by the receiving server's", "blocked for", "temporarily blocked",
    "fail2ban", "mail content denied", "junk", "垃圾邮件", "спам", "wegen spam", "courrier indésirable",
];

const RATE: &[&str] = &[
    "too many connections", "too many concurrent", "too many messages", "rate limit", "rate-limit", "ratelimit", "throttl", "too fast", "too many recipients", "too many emails", "too much mail",
    "sending rate", "receiving mail too quickly", "receiving mail at a rate", "receiving email at a rate", "limit exceeded", "try again later. if this", "maximum number of messages", "daily limit", "too many mails", "concurrency limit",
    "number of recipients", "connection limit", "connections from your host", "exceeded the rate", "greylist", "graylist", "grey-list", "greylisted",
];

const DOMAIN: &[&str] = &[
    "host not found", "domain is not reachable", "illegal host/domain", "couldn't find a mail exchanger", "could not find a mail exchanger", "no mx record", "no mx or a record", "no mx found", "no mx for", "no mail exchanger", "code nxdomain", "code noerror", "doesn't receive email according to", "does not have any mx", "no mail hosts for domain", "host unknown", "unknown host", "domain not found", "domain does not exist", "domain doesn't exist", "domain name not found", "no such domain", "unrouteable mail domain",
    "unrouteable domain", "unroutable domain", "unknown domain", "invalid domain", "bad destination host", "bad destination system", "name or service not known", "domain couldn't be found", "domain wasn't found",
    "domain could not be found", "couldn't find any host", "couldn't find a host", "nxdomain", "non-existent domain", "domain must exist", "recipient domain", "null mx", "nullmx", "does not accept mail (nullmx", "domain is not hosted",
    "all host address lookups failed permanently", "mx points to itself and no", "no such host", "destination domain", "domain has no mx", "host or domain name not found", "mail domain unknown", "dns error: domain", "dns server returned answer with no data",
    "le domaine n'existe pas", "domaine inconnu", "domain existiert nicht", "domäne", "dominio no existe", "dominio inexistente", "dominio non esiste", "domínio não existe", "domínio não foi encontrado", "ドメインが見つかりません", "ドメインは存在しません",
    "домен не существует", "домен не найден", "域名不存在", "找不到域", "domein bestaat niet", "domain lookup failed", "doesn't have any mx", "has no mail exchanger", "dns lookup failure", "unresolvable",
];

const DISABLED: &[&str] = &[
    "mailbox disabled", "account disabled", "account has been disabled", "account is disabled", "mailbox is disabled", "account that you tried to reach is disabled", "is disabled", "been disabled", "disabled account", "disabled mailbox", "user disabled",
    "account inactive", "inactive account", "account is inactive", "mailbox inactive", "is inactive", "inactive user", "inactive mailbox", "been inactive", "mailbox is inactive", "not active", "account suspended", "account has been suspended", "is suspended", "been suspended", "suspended account", "suspended mailbox",
    "is currently suspended", "mailbox is frozen", "is locked", "been locked", "account locked", "account closed temporarily", "temporarily suspended", "mailbox currently suspended", "deactivated", "not accepting mail", "not accepting messages", "not accepting new mail", "not currently accepting",
    "mailbox unavailable or access denied", "mailbox temporarily disabled", "is not accepting", "account expired", "has expired", "service suspended", "kontosperrung", "konto gesperrt", "konto ist gesperrt", "postfach ist gesperrt", "compte désactivé", "compte suspendu",
    "cuenta desactivada", "cuenta suspendida", "conta desativada", "account disattivato", "отключен", "заблокирован", "停用", "冻结", "停止されて",
];

const GONE: &[&str] = &[
    "user unknown", "invalid final delivery userid", "please check if address is correct", "is not a registered", "not a registered", "not listed in public", "did not exactly match", "no matches to nameserver", "invalid email", "invalid userid", "invalid user address", "is no longer", "unknown user", "no such user", "no such recipient", "no such mailbox", "no such address", "no such account", "no such person", "no such local user", "no such email", "no such name", "no such e-mail", "nosuchuser", "user not found", "user doesn't exist", "user does not exist",
    "user not exist", "user no longer", "user is unknown", "user is not found", "unknown recipient", "recipient unknown", "recipient not found", "recipient does not exist", "recipient doesn't exist", "recipient no longer", "recipient not exist", "recipientnotfound", "recipient is unknown", "recipient address unknown", "unknown or illegal alias",
    "unknown address", "address unknown", "unknown local", "unknown mailbox", "unknown account", "unknown email", "unknown e-mail", "unknown alias", "unknown virtual", "mailbox unknown", "mailbox not found", "mailbox does not exist", "mailbox doesn't exist", "mailbox no longer", "mailbox not exist", "mailbox is unknown", "mailbox unavailable", "mailbox not available",
    "mailbox is unavailable", "mailbox could not be found", "mailbox for", "account does not exist", "account doesn't exist", "account not found", "account that you tried to reach does not exist", "account no longer", "account unknown", "account closed", "account has been closed", "account is closed", "account has been deleted", "account has been removed", "account was deleted", "no account by that name",
    "no longer active", "no longer available", "no longer exist", "no longer here", "no longer in use", "no longer on server", "no longer valid", "no longer works", "no longer an employee", "no longer with", "address does not exist", "address doesn't exist", "address not found", "address couldn't be found", "address could not be found", "address wasn't found", "address was not found", "address no longer", "address not exist",
    "address is unknown", "address not present", "address not listed", "addresses failed", "address rejected: user", "address rejected: unknown", "address rejected: undeliverable", "email address could not", "email address couldn't be found", "email address you entered couldn't be found", "email address wasn't found", "e-mail address doesn't exist", "e-mail address you entered couldn't be found", "email address is invalid", "e-mail address does not exist", "does not exist", "doesn't exist", "do not exist",
    "not a known user", "not a valid user", "not a valid mailbox", "not a valid recipient", "not our customer", "not known here", "not known at this site", "not found in", "not found on", "not listed in", "not in our", "is not a member", "is unknown", "isn't a valid", "is not a valid", "is not valid", "is not known", "isn't known", "invalid recipient", "invalid user", "invalid mailbox", "invalid address", "invalid alias", "invalid local", "invalid account",
    "bad destination email", "bad destination mailbox", "bad recipient", "bad mailbox", "bad address", "undeliverable address", "undeliverable mail address", "illegal user", "undefined mailbox", "nonexistent", "non-existent", "nonexist", "dosn't exist", "no valid recipient", "no valid host", "no recipients", "no mailbox", "no mail-enabled", "no user", "no such", "cannot find recipient", "can't find recipient", "couldn't be found",
    "wasn't found at", "unrouteable address", "unroutable address", "unrouteable", "delivery to this user", "has moved", "user has left", "left the company", "left the organization", "changed address", "forwarding address", "recipient address rejected: access denied", "recipient rejected", "recipient address rejected: invalid", "recipient is not", "recipient not accepted", "recipient cannot be verified", "not accepted by any", "adresse inconnue", "adresse n'existe pas",
    "n'existe pas", "utilisateur inconnu", "destinataire inconnu", "destinataire n'a pas été trouvé", "adresse introuvable", "est introuvable", "introuvable", "n'a pas pu être trouvée", "empfänger unbekannt", "unbekannter empfänger", "benutzer unbekannt", "unbekannter benutzer", "existiert nicht", "nicht gefunden", "adresse wurde nicht gefunden", "adresse nicht gefunden", "postfach nicht", "mailadresse ist nicht", "nicht bekannt", "no existe", "usuario desconocido", "destinatario desconocido",
    "no se encontró", "no se ha encontrado", "no se encuentra", "dirección no encontrada", "utente sconosciuto", "destinatario sconosciuto", "non esiste", "indirizzo non trovato", "non è stato trovato", "inesistente", "não existe", "usuário desconhecido", "utilizador desconhecido", "destinatário desconhecido", "não foi encontrado", "não encontrado", "onbekende gebruiker", "gebruiker onbekend", "bestaat niet", "niet gevonden", "onbekend", "пользователь не найден", "не существует", "нет такого", "не найден", "неизвестный получатель",
    "такого пользователя", "不存在", "无效", "找不到", "没有找到", "無此使用者", "無此用戶", "查無此", "未知用户", "存在しません", "見つかりません", "見つかりませんでした", "宛先不明", "ありません", "存在しない", "nie istnieje", "nieznany", "neexistuje", "finns inte", "findes ikke", "ei löydy", "okänd", "ukendt", "bulunamadı", "存在하지", "존재하지", "찾을 수 없", "没有这个用户", "ei ole olemassa", "finnes ikke", "nem létezik", "geen gebruiker",
    "account not available", "account is not", "all recipients rejected", "not a local", "not local", "not found", "unable to find", "user (", "user account is unavailable", "addressee unknown", "addressee not", "recipient name is not recognized", "not recognized", "unknown to", "no existing", "delivery failed to", "not listed", "not deliverable to", "dd this user doesn't have a", "this user doesn't have", "is not our", "550 unknown",
];

const MALFORMED: &[&str] = &[
    "bad recipient address syntax", "malformed address", "invalid address syntax", "syntax error in address", "badly formatted", "illegal address", "address syntax", "bad address syntax", "missing or malformed", "invalid characters", "user name too long", "syntax error in parameters",
];

const CONTENT: &[&str] = &[
    "conversion", "line too long", "line length", "attachment", "bare lf", "bare linefeed", "header field", "headers", "not rfc", "rfc 5322", "rfc 2822", "rfc2822", "rfc5322", "message format", "mime", "8bitmime", "smtputf8", "inhalt", "non-compliant", "contents", "message content", "message body", "duplicate header", "url",
];

const ROUTING: &[&str] = &[
    "too many hops", "mail loop", "hop count", "loops back", "routing loop", "mail forwarding loop", "loop detected", "delivered-to", "too many received", "connection refused", "no route to host", "network is unreachable", "network unreachable", "connection timed out", "timed out", "timeout", "host unreachable", "no answer from host", "could not connect", "cannot connect", "couldn't connect", "unable to connect", "can't connect",
    "connection reset", "connection dropped", "connection lost", "lost connection", "connection closed", "conversation with", "name server", "nameserver", "server failure", "try again", "dns", "routing", "next hop", "mail server for", "host did not respond", "not responding", "unreachable", "unable to route", "transport", "connection with", "connect to", "lookup", "接続", "連接", "連線",
];

const EXPIRED: &[&str] = &[
    "retry timeout exceeded", "retry time not reached", "delivery time expired", "message expired", "expired", "too long", "been in the queue", "could not be delivered for", "giving up", "in queue too long", "delivery timed out", "attempts to deliver", "unable to deliver", "still undelivered", "message timeout", "last attempt",
];

const POLICY: &[&str] = &[
    "access denied", "spam", "rejected", "refused", "denied", "prohibited", "forbidden", "not allowed", "policy", "authenticat", "permission", "blocked", "restrict", "filter", "security", "unauthorized", "not permitted", "gateway requires",
];

const SYSTEM: &[&str] = &[
    "internal error", "system error", "local error", "local configuration", "configuration error", "temporary failure", "temporarily", "service unavailable", "service not available", "service currently unavailable", "server error", "i/o error", "out of memory", "not enough memory", "resources", "queue file write", "no more", "can't create", "cannot create", "can't open", "cannot open", "unable to open", "exec", "command", "program", "pipe", "script", "mail system", "maintenance", "tls",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_in_the_form_in_which_they_are_looked_for() {
        for (class, phrases) in GROUPS {
            for phrase in *phrases {
                assert_eq!(*phrase, phrase.to_lowercase(), "{class}");
                assert!(phrase.len() > 3 && !phrase.contains("  "), "{class}: {phrase}");
            }
        }
    }
}
