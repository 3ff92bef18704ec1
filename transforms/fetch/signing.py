"""Requests for objects in the form their store wants, with what this worker may prove itself by.

Only the proof is made here, by the libraries of Amazon and Google. The request itself goes the way of all others,
with their deadline, cap, connections and errors. Beam's file systems would make a client for every file, ask twice, and
try again for minutes.
"""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote, urlsplit

from transforms.errors import ConfigInvalid, JobError
from transforms.fetch.answers import TryAgain
from transforms.fetch.limits import BucketLimits
from transforms.fetch.stored import StoredObject
from transforms.fetch.target import Target

VALID_SECONDS = 600
"""Of a signature: longer than any picture may take."""
TOKEN_SECONDS = 10.0
_GOOGLE = "https://storage.googleapis.com"
_READ_ONLY = "https://www.googleapis.com/auth/devstorage.read_only"
_PACKAGES = {"s3": "botocore", "gs": "google.auth"}


@dataclass(frozen=True, slots=True)
class StoreRequest(Target):
    """A request with a proof, which is never shown: the query of the path, or a header."""

    named: StoredObject
    authorization: str = field(default="", repr=False)

    @property
    def shown(self) -> str:
        """As the uploader named it."""
        return self.named.shown


def require_packages(limits: BucketLimits) -> None:
    """Raise `ConfigInvalid` where a store is named whose library is not installed."""
    for store in sorted({name.partition(":")[0] for name in limits.names}):
        if not _is_installed(_PACKAGES[store]):
            raise ConfigInvalid(
                f"--fetch-bucket `{store}://…` needs the package `{_PACKAGES[store].replace('.', '-')}`, which is not "
                f"here; install captionstream[{store}]"
            )


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


class S3Signer:
    """Amazon's signature, version 4, in the query. Credentials: environment, profile, or the machine's role."""

    def __init__(self, endpoint: str | None) -> None:
        """Raises `ConfigInvalid` where there are no credentials."""
        import botocore.session

        self._session, self._endpoint = botocore.session.Session(), endpoint
        self._lock = threading.Lock()
        self._clients: dict[str | None, Any] = {}
        self._regions: dict[str, str] = {}
        if self._session.get_credentials() is None:
            raise ConfigInvalid(
                "this worker has no credentials for `s3:`; give it a role, or AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY in its environment"
            )

    def __call__(self, thing: StoredObject) -> StoreRequest:
        """A request for the object. Raises `TryAgain` when temporary credentials do not come."""
        import botocore.exceptions

        try:
            client = self._client(self._regions.get(thing.bucket))
            where = {"Bucket": thing.bucket, "Key": thing.name}
            signed = client.generate_presigned_url("get_object", Params=where, ExpiresIn=VALID_SECONDS)
        # The second is what a role's own service answers; it is none of the first.
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            raise TryAgain(f"the request could not be signed (`{type(error).__name__}`)") from None
        return _request(signed, thing)

    def learn(self, bucket: str, region: str) -> None:
        """Where a bucket is."""
        self._regions[bucket] = region

    def _client(self, region: str | None) -> Any:
        from botocore.config import Config

        with self._lock:
            if region not in self._clients:
                style = "path" if self._endpoint else "auto"
                self._clients[region] = self._session.create_client(
                    "s3",
                    region_name=region or self._session.get_config_variable("region") or "us-east-1",
                    endpoint_url=self._endpoint,
                    config=Config(signature_version="s3v4", s3={"addressing_style": style}),
                )
            return self._clients[region]


class GoogleSigner:
    """A token of Google's in a header. Credentials: `Application Default Credentials`."""

    def __init__(self, endpoint: str | None) -> None:
        """Raises `ConfigInvalid` where there are no credentials."""
        import google.auth
        import google.auth.exceptions
        import google.auth.transport.requests
        import requests

        session = requests.Session()
        session.trust_env = False
        self._transport = functools.partial(
            google.auth.transport.requests.Request(session=session), timeout=TOKEN_SECONDS
        )
        self._endpoint, self._lock = endpoint or _GOOGLE, threading.Lock()
        try:
            self._credentials = google.auth.default(scopes=[_READ_ONLY])[0]
        except google.auth.exceptions.GoogleAuthError:
            raise ConfigInvalid(
                "this worker has no credentials for `gs:`; give it a service account, or name a file of its key in "
                "GOOGLE_APPLICATION_CREDENTIALS"
            ) from None

    def __call__(self, thing: StoredObject) -> StoreRequest:
        """A request for the object. Raises `TryAgain` when no token comes."""
        path = f"/download/storage/v1/b/{thing.bucket}/o/{quote(thing.name, safe='')}?alt=media"
        return _request(self._endpoint + path, thing, f"Bearer {self._token()}")

    def learn(self, bucket: str, region: str) -> None:
        """Nothing to learn: one address leads to all of Google's buckets."""

    def _token(self) -> str:
        import google.auth.exceptions

        with self._lock:
            if not self._credentials.valid:
                try:
                    self._credentials.refresh(self._transport)
                except google.auth.exceptions.GoogleAuthError as error:
                    raise TryAgain(f"no token came for this worker (`{type(error).__name__}`)") from None
            return str(self._credentials.token)


def _request(signed: str, thing: StoredObject, authorization: str = "") -> StoreRequest:
    address = urlsplit(signed)
    if address.scheme not in ("http", "https") or address.hostname is None:
        raise JobError("a store's library made no address")
    port = address.port or {"http": 80, "https": 443}[address.scheme]
    path = f"{address.path}?{address.query}" if address.query else address.path
    return StoreRequest(address.scheme, address.hostname, port, path, thing, authorization)
