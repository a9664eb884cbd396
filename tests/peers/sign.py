"""Signs requests as AWS's own tools do. Reads a list of requests as JSON on standard input and writes the list of their Authorization headers.

A request: method, url, headers, body (hexadecimal), region, service, at (20150830T123600Z), id, key, token (or null).
"""

import json
import sys

from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


class At(auth.SigV4Auth):
    """With the time that the request names, and the headers as they are."""

    def add_auth(self, request):
        signed = self.canonical_request(request)
        return self.signature(self.string_to_sign(request, signed), request)


def authorization(asked):
    credentials = Credentials(asked["id"], asked["key"], asked["token"])
    signer = At(credentials, asked["service"], asked["region"])
    request = AWSRequest(asked["method"], asked["url"], headers=asked["headers"], data=bytes.fromhex(asked["body"]))
    request.context["timestamp"] = asked["at"]
    signature = signer.add_auth(request)
    names = signer.signed_headers(signer.headers_to_sign(request))
    return f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, SignedHeaders={names}, Signature={signature}"


json.dump([authorization(asked) for asked in json.load(sys.stdin)], sys.stdout)
