"""Verifies DKIM signatures with dkimpy, with records that are given instead of DNS.

Standard input: {"records": {NAME: TEXT}, "messages": [BASE64]}. Standard output: for each message a list with
[algorithm, whether it verifies] for each signature, from the top.
"""

import base64
import json
import sys

import dkim

asked = json.load(sys.stdin)


def txt(name, timeout=5):
    record = asked["records"].get(name.decode().rstrip("."))
    return record.encode() if record else None


def verify(message):
    count = sum(name.lower() == b"dkim-signature" for name, _ in dkim.rfc822_parse(message)[0])
    found = []
    for at in range(count):
        one = dkim.DKIM(message)
        try:
            verifies = one.verify(idx=at, dnsfunc=txt)
        except dkim.DKIMException:
            verifies = False
        found.append([one.signature_fields[b"a"].decode(), verifies])
    return found


json.dump([verify(base64.b64decode(message)) for message in asked["messages"]], sys.stdout)
