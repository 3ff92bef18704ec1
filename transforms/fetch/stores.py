"""Objects from stores: signed, asked for, and their refusals understood."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NoReturn, Protocol

from urllib3.response import BaseHTTPResponse

from transforms.errors import ConfigInvalid, ImageMissing, ImageUnreadable, InputError, SourceForbidden
from transforms.fetch import answers
from transforms.fetch.answers import Hold, TryAgain
from transforms.fetch.client import Client
from transforms.fetch.dial import Dial
from transforms.fetch.limits import BucketLimits, FetchLimits
from transforms.fetch.signing import GoogleSigner, S3Signer, StoreRequest, require_packages
from transforms.fetch.stored import StoredObject
from transforms.fetch.target import Target

_ANYWHERE = ("0.0.0.0/0", "::/0")
"""The endpoint is the operator's word, and may well be inside; a cloud's metadata addresses stay closed."""
REGIONS = 2
"""That are asked: the one that is configured, and the one that its answer names."""
_SAID = 4096
"""Bytes of a refusal that are read."""
_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,60})</Code>|\"reason\": ?\"([A-Za-z0-9]{1,60})\"")
_OF_THE_WORKER = frozenset(
    (
        *("ExpiredToken", "InvalidToken", "TokenRefreshRequired", "InvalidAccessKeyId"),
        *("RequestTimeTooSkewed", "RequestExpired", "InvalidSecurity", "NotSignedUp"),
    )
)
_UNSIGNED = "SignatureDoesNotMatch"
_PLAIN_NAME = "captionstream"
"""Asked for where a signature was not accepted: of this name every reader makes the same."""
_TRY_AGAIN = frozenset(("SlowDown", "RequestTimeout", "ServiceUnavailable", "InternalError", "OperationAborted"))
_ASLEEP = "InvalidObjectState"


class _ElsewhereInTheStore(Exception):
    """S3: the bucket is in another region than the one that was asked."""

    def __init__(self, region: str) -> None:
        super().__init__(region)
        self.region = region


class _NotSigned(Exception):
    """S3: the signature is not accepted. The secret is wrong, or the store reads the object's name in its own way."""


class Signer(Protocol):
    """Makes requests for objects."""

    def __call__(self, thing: StoredObject) -> StoreRequest:
        """A request with a proof."""

    def learn(self, bucket: str, region: str) -> None:
        """Where a bucket is."""


class Stores:
    """Fetches objects; thread-safe, one for each worker process."""

    def __init__(self, limits: FetchLimits, client: Client | None = None) -> None:
        """Raises `ConfigInvalid` where a library is missing."""
        require_packages(limits.buckets)
        self._buckets, self._client = limits.buckets, client or StoreClient(limits, Dial(_ANYWHERE))
        self._lock = threading.Lock()
        self._signers: dict[str, Signer] = {}

    def fetch(self, thing: StoredObject, hold: Hold = lambda _: None) -> bytes:
        """The object's bytes. Raises as `Client.fetch`, and `ConfigInvalid` for what is this worker's fault."""
        signer = self._signer(thing.store)
        for _ in range(REGIONS):
            try:
                return self._client.fetch(signed(signer, thing), hold)
            except _NotSigned:
                self._blame(signer, thing)
            except _ElsewhereInTheStore as elsewhere:
                region = elsewhere.region
                signer.learn(thing.bucket, region)
        raise ImageUnreadable(
            f"`{thing.shown}` is said to be in region `{region}`, but is not there; see to its bucket and redrive"
        )

    def _blame(self, signer: Signer, thing: StoredObject) -> NoReturn:
        """Whose fault a signature is: an uploader, who chooses names, must not be able to stop the job."""
        try:
            self._client.fetch(signed(signer, replace(thing, name=_PLAIN_NAME)))
        except _NotSigned:
            raise _not_accepted(thing, _UNSIGNED) from None
        except InputError:
            pass  # it is not there, for instance
        raise ImageUnreadable(
            f"the store reads the name of `{thing.shown}` in a way of its own (`{_UNSIGNED}`); rename the object"
        )

    def _signer(self, store: str) -> Signer:
        with self._lock:
            if store not in self._signers:
                self._signers[store] = _SIGNERS[store](self._buckets)
            return self._signers[store]


_SIGNERS: Mapping[str, Callable[[BucketLimits], Signer]] = {
    "s3": lambda limits: S3Signer(limits.s3_endpoint),
    "gs": lambda limits: GoogleSigner(limits.gs_endpoint),
}


def signed(signer: Signer, thing: StoredObject) -> StoreRequest:
    """The request. Raises `ImageUnreadable` when the proof cannot be had now."""
    try:
        return signer(thing)
    except TryAgain as failure:
        raise ImageUnreadable(
            f"`{thing.shown}` was not asked for: {failure.what}; see to its role and redrive"
        ) from None


class StoreClient(Client):
    """A client whose requests are `StoreRequest`: they carry a proof, and are redirected nowhere."""

    def _credentials(self, target: Target) -> Mapping[str, str]:
        assert isinstance(target, StoreRequest), "only a store is asked"  # noqa: S101
        return {"Authorization": target.authorization} if target.authorization else {}

    def _read(self, target: Target, response: BaseHTTPResponse, hold: Hold) -> bytes | str:
        assert isinstance(target, StoreRequest), "only a store is asked"  # noqa: S101
        if response.status != 200:
            _refuse(target.named, response)
        return answers.picture(response, target.shown, self._max_bytes, hold, may_be_packed=True)


def _not_accepted(thing: StoredObject, said: str) -> ConfigInvalid:
    return ConfigInvalid(
        f"the store does not accept this worker's credentials (`{said}`) for `{thing.place}`; renew them, and see to "
        "the machine's clock"
    )


def _refuse(thing: StoredObject, response: BaseHTTPResponse) -> None:
    """Raise what an answer without an object means."""
    status, found = response.status, _CODE.search(response.read(_SAID, decode_content=False) or b"")
    code = next((part.decode() for part in found.groups() if part), "") if found else ""
    said = f"{status} {code}".strip()
    region = response.headers.get("x-amz-bucket-region", "")
    if status in (301, 307, 400) and re.fullmatch(r"[a-z0-9-]{1,40}", region):
        raise _ElsewhereInTheStore(region)
    if code == _UNSIGNED:
        raise _NotSigned
    if code in _OF_THE_WORKER or status == 401:
        raise _not_accepted(thing, said)
    if status in (404, 410):
        raise ImageMissing(f"`{thing.shown}` is not there (`{said}`); upload the picture before its event")
    if status in (408, 429) or status >= 500 or code in _TRY_AGAIN:
        raise TryAgain(f"the store answered `{said}`", answers.seconds(response.headers.get("Retry-After")))
    if code == _ASLEEP:
        raise ImageUnreadable(f"`{thing.shown}` is archived (`{said}`); restore it and redrive")
    if status == 403:
        raise SourceForbidden(
            f"the store refuses `{thing.shown}` (`{said}`), or it is not there; let the worker read and list its bucket"
        )
    raise ImageUnreadable(f"the store answered `{said}` for `{thing.shown}`; see to the object and redrive")
