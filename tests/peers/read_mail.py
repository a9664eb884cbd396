"""Reads messages with Python's own parser, which raises an error for every defect.

Standard input: a list of messages in base64. Standard output: the content of each message as JSON. Bytes are in base64.
"""

import base64
import email
import email.policy
import json
import sys


def header(value):
    if value.defects:
        raise value.defects[0]
    return str(value)


def mailboxes(value):
    if value is None:
        return []
    header(value)
    if any(group.display_name is not None for group in value.groups):
        raise ValueError("a group instead of mailboxes")
    return [[mailbox.display_name, mailbox.addr_spec] for mailbox in value.addresses]


def body(message, kind):
    part = message.get_body(preferencelist=(kind,))
    if part is None:
        return None
    # Every byte must be valid in the declared charset.
    part.get_payload(decode=True).decode(part.get_content_charset("us-ascii"), "strict")
    return base64.b64encode(part.get_payload(decode=True)).decode()


def attached(part):
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload(0)
        read(inner)
        content = inner.as_bytes()
    else:
        content = part.get_payload(decode=True)
    return {
        "name": part.get_filename(),
        "type": part.get_content_type(),
        "charset": part.get_content_charset(),
        "encoding": part["content-transfer-encoding"],
        "content": base64.b64encode(content).decode(),
    }


def image(part):
    if part.is_attachment():
        raise ValueError("an image of the HTML is an attachment")
    return [str(part["content-id"]), part.get_content_type(), base64.b64encode(part.get_payload(decode=True)).decode()]


def read(message):
    for part in message.walk():
        if part.defects:
            raise part.defects[0]
        names = [name.lower() for name in part]
        repeated = {name for name in names if names.count(name) > 1} - {"dkim-signature", "received"}
        if repeated:
            raise ValueError(f"more than once: {repeated}")
        for value in part.values():
            header(value)
    return {
        "subject": message["subject"],
        "date": message["date"].datetime.timestamp(),
        "from": mailboxes(message["from"]),
        "to": mailboxes(message["to"]),
        "reply_to": mailboxes(message["reply-to"]),
        "headers": {name.lower(): header(value) for name, value in message.items()},
        "text": body(message, "plain"),
        "html": body(message, "html"),
        "attachments": [attached(part) for part in message.walk() if part.is_attachment()],
        "images": [image(part) for part in message.walk() if part["content-id"]],
    }


json.dump([read(email.message_from_bytes(base64.b64decode(raw), policy=email.policy.strict)) for raw in json.load(sys.stdin)], sys.stdout)
