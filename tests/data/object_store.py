"""A store that speaks S3 and Google's JSON API as far as reading goes, and checks who asks.

The signature is computed here once more, by the published rules and not by the library that made it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, quote, unquote

from data.web_host import Say, WebHost, answer, picture

KEY, SECRET, TOKEN = "AKIDEXAMPLE", "s3cret/key", "s3cret.token"

Talk = Callable[[str, str], Say | None]
"""Bucket and name to what is said; None: what the store has."""


class ObjectStore(WebHost):
    """``objects`` by ``bucket/name``."""

    def __init__(self, objects: Mapping[str, bytes], talk: Talk = lambda *_: None, address: str = "127.0.0.1") -> None:
        self.objects, self._said = dict(objects), talk
        super().__init__(self._answered, address)

    @property
    def endpoint(self) -> str:
        return f"http://{self.address}:{self.port}"

    def _answered(self, request: str) -> Say:
        line, *lines = request.split("\r\n")
        path, _, query = line.split(" ")[1].partition("?")
        headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines if one)}
        google = re.fullmatch(r"/download/storage/v1/b/([^/]+)/o/([^/]+)", path)
        if google is not None:
            bucket, name = google[1], unquote(google[2])
            if headers.get("authorization") != f"Bearer {TOKEN}" or query != "alt=media":
                return answer("401 Unauthorized", b'{"error": {"errors": [{"reason": "authError"}]}}')
        else:
            bucket, _, name = unquote(path).lstrip("/").partition("/")
            if not _is_signed(path, query, headers["host"]):
                return answer("403 Forbidden", b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        said = self._said(bucket, name)
        if said is not None:
            return said
        if f"{bucket}/{name}" not in self.objects:
            return answer("404 Not Found", b"<Error><Code>NoSuchKey</Code><Message>s3cret</Message></Error>")
        return picture(self.objects[f"{bucket}/{name}"])


def _is_signed(path: str, query: str, host: str) -> bool:
    """AWS signature version 4, in the query."""
    pairs = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True))
    signature, credential = pairs.pop("X-Amz-Signature"), pairs["X-Amz-Credential"].split("/")
    ordered = "&".join(f"{quote(key, safe='~')}={quote(value, safe='~')}" for key, value in sorted(pairs.items()))
    request = "\n".join(("GET", path, ordered, f"host:{host}\n", "host", "UNSIGNED-PAYLOAD"))
    scope = "/".join(credential[1:])
    text = "\n".join(("AWS4-HMAC-SHA256", pairs["X-Amz-Date"], scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{SECRET}".encode()
    for part in credential[1:]:
        key = hmac.digest(key, part.encode(), "sha256")
    is_ours = hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), signature)
    return credential[0] == KEY and is_ours and 0 < int(pairs["X-Amz-Expires"]) <= 3600
