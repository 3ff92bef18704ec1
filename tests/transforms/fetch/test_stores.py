"""Objects of a store on this machine, which checks every signature and token."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue
from data.object_store import KEY, SECRET, TOKEN, ObjectStore
from data.samples import record, upload
from data.web_host import answer, drip, picture, redirect

from transforms.errors import (
    ConfigInvalid,
    ImageMissing,
    ImageTooLarge,
    ImageUnreadable,
    SourceForbidden,
)
from transforms.fetch import BucketLimits, Fetcher, FetchImage, FetchLimits, HttpLimits, deadline, signing
from transforms.fetch import fetcher as fetcher_module
from transforms.fetch.ahead import FetchAhead
from transforms.fetch.dial import Dial
from transforms.fetch.signing import GoogleSigner, S3Signer, require_packages
from transforms.fetch.stored import StoredObject
from transforms.fetch.stores import StoreClient, Stores
from transforms.values import Decoded

BOTH = ("s3", "gs")


class Token:
    """Credentials as google-auth's, of somebody who has been here before."""

    def __init__(self, token: str = TOKEN) -> None:
        self.token, self.valid, self.refreshed = "old", False, 0
        self._next = token

    def refresh(self, _: object) -> None:
        self.refreshed += 1
        self.token, self.valid = self._next, True


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> Token:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    token = Token()
    monkeypatch.setattr("google.auth.default", lambda scopes: (token, "project"))
    return token


class There:
    """A fetcher that reads the bucket ``shop`` of both stores; ``pauses`` are those that it would have made."""

    def __init__(self, store: ObjectStore, max_bytes: int = 10_000, **rules: Any) -> None:
        self.pauses: list[float] = []
        names = ("s3://shop", "gs://shop", "s3://gone")
        buckets = BucketLimits(names, s3_endpoint=store.endpoint, gs_endpoint=store.endpoint)
        self.limits = FetchLimits(max_bytes=max_bytes, http=HttpLimits(**rules), buckets=buckets)
        client = StoreClient(self.limits, Dial(("127.0.0.0/8",)), pause=self.pauses.append, chance=lambda: 0.5)
        self.fetcher = Fetcher(self.limits, stores=Stores(self.limits, client))

    def fetch(self, uri: str) -> bytes:
        return self.fetcher.fetch(upload(uri=uri))

    def refused(self, error: type[Exception], uri: str, *words: str) -> str:
        with pytest.raises(error) as raised:
            self.fetch(uri)
        for word in words:
            assert word in str(raised.value)
        for secret in ("s3cret", KEY, "X-Amz", "Signature=", "Bearer"):
            assert secret not in str(raised.value)
        return str(raised.value)


NAMES = [
    *("a.jpg", "dir/b.jpg", "a b.jpg", "图/片.jpg", "what?.jpg", "a#b.jpg", "100%.jpg", "a%20b.jpg", "a+b&c=d.jpg"),
    *("~x/(y)!*'.jpg", ";v=1,2@:$.jpg", "x" * 900, "/a.jpg", "a//b.jpg", "a/"),
]


@pytest.mark.parametrize("scheme", BOTH)
@pytest.mark.parametrize("name", NAMES)
def test_any_name_reaches_its_object(scheme: str, name: str) -> None:
    with ObjectStore({f"shop/{name}": name.encode(), "shop/other": b"no"}) as store:
        assert There(store).fetch(f"{scheme}://shop/{name}") == name.encode()


@pytest.mark.parametrize("scheme", BOTH)
def test_a_connection_is_kept_and_the_proof_is_made_once(scheme: str, credentials: Token) -> None:
    with ObjectStore({"shop/a": b"1", "shop/b": b"2"}) as store:
        there = There(store)
        assert [there.fetch(f"{scheme}://shop/{name}") for name in "abab"] == [b"1", b"2"] * 2
        assert store.accepted == 1
        assert credentials.refreshed == (scheme == "gs")


@pytest.mark.parametrize("scheme", BOTH)
def test_no_other_bucket_is_asked_for(scheme: str) -> None:
    with ObjectStore({"other/a": b"secret"}) as store:
        there = There(store)
        for uri in ("other/a", "shop/../other/a", "shop/%2e%2e/other/a", "shop/a/../../other/a", "shopx/a"):
            there.refused(SourceForbidden, f"{scheme}://{uri}")
        assert store.accepted == 0


def test_without_buckets_no_store_is_known() -> None:
    with pytest.raises(SourceForbidden, match=r"scheme `s3` is not served.*in a bucket named with --fetch-bucket"):
        Fetcher(FetchLimits()).fetch(upload(uri="s3://shop/a.jpg"))


@pytest.mark.parametrize("scheme", BOTH)
def test_the_cap_is_counted_while_reading(scheme: str) -> None:
    said: dict[str, Any] = {
        "declared": answer("200 OK", length=10_001),
        "lied": iter([b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 4096] * 5]),
    }
    with ObjectStore({"shop/most": b"x" * 10_000}, lambda _, name: said.get(name)) as store:
        there = There(store)
        assert len(there.fetch(f"{scheme}://shop/most")) == 10_000
        there.refused(ImageTooLarge, f"{scheme}://shop/declared", "`10001` bytes", "`10000`", "--max-image-bytes")
        there.refused(ImageTooLarge, f"{scheme}://shop/lied", "`10000`")


def xml(status: str, code: str, *headers: str) -> bytes:
    return answer(status, f"<Error><Code>{code}</Code><Message>s3cret</Message></Error>".encode(), *headers)


def json(status: str, reason: str) -> bytes:
    return answer(status, f'{{"error": {{"errors": [{{"reason": "{reason}", "message": "s3cret"}}]}}}}'.encode())


REFUSALS: dict[str, tuple[str, bytes, type[Exception], str]] = {
    "missing": (
        "s3",
        xml("404 Not Found", "NoSuchKey"),
        ImageMissing,
        "s3://shop/missing` is not there (`404 NoSuchKey`)",
    ),
    "no bucket": ("s3", xml("404 Not Found", "NoSuchBucket"), ImageMissing, "(`404 NoSuchBucket`)"),
    "none": ("gs", json("404 Not Found", "notFound"), ImageMissing, "`gs://shop/none` is not there (`404 notFound`)"),
    "plain": ("gs", answer("404 Not Found", b"No such object"), ImageMissing, "(`404`)"),
    "denied": ("s3", xml("403 Forbidden", "AccessDenied"), SourceForbidden, "`s3://shop/denied` (`403 AccessDenied`)"),
    "forbidden": ("gs", json("403 Forbidden", "forbidden"), SourceForbidden, "let the worker read and list its bucket"),
    "archived": ("s3", xml("403 Forbidden", "InvalidObjectState"), ImageUnreadable, "(`403 InvalidObjectState`)"),
    "expired": ("s3", xml("400 Bad Request", "ExpiredToken"), ConfigInvalid, "(`400 ExpiredToken`) for `s3://shop`"),
    "key": ("s3", xml("403 Forbidden", "InvalidAccessKeyId"), ConfigInvalid, "renew them, and see to the machine's"),
    "clock": ("s3", xml("403 Forbidden", "RequestTimeTooSkewed"), ConfigInvalid, "the machine's clock"),
    "unknown": ("gs", json("401 Unauthorized", "authError"), ConfigInvalid, "(`401 authError`) for `gs://shop`"),
    "odd": ("s3", xml("405 Method Not Allowed", "MethodNotAllowed"), ImageUnreadable, "`405 MethodNotAllowed`"),
    "elsewhere": ("s3", redirect("http://10.0.0.1/s3cret"), ImageUnreadable, "answered `302`"),
    "partial": ("gs", answer("206 Partial Content", b"x"), ImageUnreadable, "answered `206`"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_a_refusal_means(name: str) -> None:
    scheme, said, error, words = REFUSALS[name]
    with ObjectStore({}, lambda *_: said) as store:
        there = There(store)
        there.refused(error, f"{scheme}://shop/{name}", words)
        assert (store.accepted, there.pauses) == (1, [])


@pytest.mark.parametrize(
    "said",
    [
        *(xml("503 Slow Down", "SlowDown"), xml("500 Internal Server Error", "InternalError"), answer("502 Bad", b"")),
        *(xml("400 Bad Request", "RequestTimeout"), json("429 Too Many", "rateLimitExceeded"), b""),
        answer("200 OK", b"half", length=8),
    ],
)
@pytest.mark.parametrize("scheme", BOTH)
def test_what_may_pass_is_tried_again(scheme: str, said: bytes) -> None:
    answers = iter([said, said])
    with ObjectStore(
        {"shop/a": b"picture"}, lambda *_: iter([first]) if (first := next(answers, None)) is not None else None
    ) as store:
        there = There(store)
        assert there.fetch(f"{scheme}://shop/a") == b"picture"
        assert there.pauses == [0.5, 1.0]


def test_what_does_not_pass_is_told() -> None:
    with ObjectStore({}, lambda *_: xml("503 Slow Down", "SlowDown", "Retry-After: 2")) as store:
        there = There(store)
        words = "`s3://shop/a` could not be fetched: the store answered `503 SlowDown`, at attempt `3`"
        there.refused(ImageUnreadable, "s3://shop/a?s3cret", words)
        assert there.pauses == [2.0, 2.0]


@pytest.mark.parametrize("scheme", BOTH)
def test_drip_ends_at_the_deadline(scheme: str) -> None:
    with ObjectStore({}, lambda *_: drip(picture(b"x" * 5000), store.closing)) as store:
        There(store, seconds=0.5).refused(ImageUnreadable, f"{scheme}://shop/a", "took more than `0.5` s")


def test_silence_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "SILENCE_SECONDS", 0.05)
    with ObjectStore({}, lambda *_: drip(b"", store.closing)) as store:
        There(store).refused(ImageUnreadable, "s3://shop/a", "did not answer in time")


def test_a_bucket_in_another_region_is_found_and_remembered() -> None:
    def talk(bucket: str, name: str) -> bytes | None:
        here = "%2Feu-west-9%2F" in store.requests[-1]
        return None if here else xml("301 Moved", "PermanentRedirect", "x-amz-bucket-region: eu-west-9")

    with ObjectStore({"shop/a": b"1", "shop/b": b"2"}, talk) as store:
        there = There(store)
        assert [there.fetch("s3://shop/a"), there.fetch("s3://shop/b")] == [b"1", b"2"]
        assert len(store.requests) == 3


def test_a_store_that_sends_us_round_is_given_up() -> None:
    with ObjectStore(
        {}, lambda *_: xml("400 Bad", "AuthorizationHeaderMalformed", "x-amz-bucket-region: eu-west-9")
    ) as store:
        there = There(store)
        there.refused(ImageUnreadable, "s3://shop/a", "is said to be in region `eu-west-9`, but is not there")
        assert len(store.requests) == 2


def test_a_wrong_secret_stops_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with ObjectStore({"shop/a": b"1"}) as store:
        There(store).refused(ConfigInvalid, "s3://shop/a", "(`SignatureDoesNotMatch`) for `s3://shop`; renew them")
        assert [request.split("?")[0] for request in store.requests] == ["GET /shop/a", "GET /shop/captionstream"]


def test_a_name_that_the_store_reads_otherwise_stops_nothing() -> None:
    odd = xml("403 Forbidden", "SignatureDoesNotMatch")
    with ObjectStore({"shop/b": b"2"}, lambda _, name: odd if "//" in name else None) as store:
        there = There(store)
        there.refused(
            ImageUnreadable, "s3://shop/a//b", "the store reads the name of `s3://shop/a//b` in a way of its own"
        )
        assert there.fetch("s3://shop/b") == b"2"


def test_objects_noted_as_packed_are_taken_as_they_are() -> None:
    with ObjectStore({}, lambda *_: picture(b"\x1f\x8bwhatever", "Content-Encoding: gzip")) as store:
        assert There(store).fetch("s3://shop/a") == b"\x1f\x8bwhatever"


def test_amazons_and_googles_own_addresses() -> None:
    thing = StoredObject("s3", "shop", "a b.jpg")
    request = S3Signer(None)(thing)
    assert (request.scheme, request.port) == ("https", 443)
    assert request.host == "shop.s3.amazonaws.com"
    assert request.path.startswith("/a%20b.jpg?X-Amz-Algorithm=AWS4-HMAC-SHA256&")
    assert request.shown == "s3://shop/a b.jpg"
    google = GoogleSigner(None)(StoredObject("gs", "shop", "a/b.jpg"))
    assert (google.place, google.path) == (
        "storage.googleapis.com",
        "/download/storage/v1/b/shop/o/a%2Fb.jpg?alt=media",
    )
    assert TOKEN not in repr(google)


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with ObjectStore({}) as proxy, ObjectStore({"shop/a": b"1"}) as store:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
            monkeypatch.setenv(name, proxy.endpoint)
        there = There(store)
        assert [there.fetch(f"{scheme}://shop/a") for scheme in BOTH] == [b"1", b"1"]
        assert proxy.accepted == 0


def test_a_worker_without_credentials_stops_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    import google.auth.exceptions

    def nothing(scopes: object) -> None:
        raise google.auth.exceptions.DefaultCredentialsError("s3cret")

    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setattr("google.auth.default", nothing)
    with ObjectStore({}) as store:
        there = There(store)
        there.refused(ConfigInvalid, "s3://shop/a", "no credentials for `s3:`; give it a role, or AWS_ACCESS_KEY_ID")
        there.refused(ConfigInvalid, "gs://shop/a", "no credentials for `gs:`", "GOOGLE_APPLICATION_CREDENTIALS")
        assert store.accepted == 0


def test_a_token_that_does_not_come_is_no_ones_end(credentials: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    import google.auth.exceptions

    def fails(_: object) -> None:
        raise google.auth.exceptions.TransportError("s3cret")

    monkeypatch.setattr(credentials, "refresh", fails)
    with ObjectStore({}) as store:
        said = There(store).refused(ImageUnreadable, "gs://shop/a", "no token came for this worker (`TransportError`)")
        assert "redrive" in said


def test_a_role_that_is_not_given_is_no_ones_end_either(monkeypatch: pytest.MonkeyPatch) -> None:
    import botocore.exceptions

    def refused(_: object) -> None:
        told = {"Error": {"Code": "AccessDenied", "Message": "s3cret"}}
        raise botocore.exceptions.ClientError(told, "AssumeRoleWithWebIdentity")  # type: ignore[arg-type]

    monkeypatch.setattr("botocore.credentials.Credentials.get_frozen_credentials", refused)
    with ObjectStore({}) as store:
        There(store).refused(ImageUnreadable, "s3://shop/a", "the request could not be signed (`ClientError`)")
        assert store.accepted == 0


@pytest.mark.parametrize(("scheme", "package"), [("s3", "botocore"), ("gs", "google-auth")])
def test_a_missing_package_is_named_with_its_extra(scheme: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "find_spec", lambda _: None)
    words = rf"`{scheme}://…` needs the package `{package}`, which is not here; install captionstream\[{scheme}\]"
    with pytest.raises(ConfigInvalid, match=words):
        require_packages(BucketLimits((f"{scheme}://shop",)))
    require_packages(BucketLimits())


def decoded(number: int, scheme: str) -> Decoded:
    return Decoded(record(number), upload(f"i{number}", uri=f"{scheme}://shop/{number}"))


@pytest.fixture
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("_clients", "_pools", "_made_stores"):
        monkeypatch.setattr(fetcher_module, name, {})
    return


@pytest.mark.usefixtures("_fresh")
def test_a_bundles_objects_are_asked_for_at_once() -> None:
    """Eight of a bucket at once: each waits until all are there."""
    together = threading.Barrier(8)

    def talk(bucket: str, name: str) -> None:
        together.wait(20)

    with ObjectStore({f"shop/{n}": str(n).encode() for n in range(16)}, talk) as store:
        buckets = BucketLimits(("s3://shop", "gs://shop"), s3_endpoint=store.endpoint, gs_endpoint=store.endpoint)
        stage = FetchAhead("Fetch image", FetchImage(FetchLimits(buckets=buckets)))
        stage.setup()
        now = {"timestamp": 0, "window": GlobalWindow()}
        made = [one for n in range(16) for one in stage.process(decoded(n, BOTH[n % 2]), **now)]
        made += stage.finish_bundle()
    values = [one.value for one in made if isinstance(one, WindowedValue) or hasattr(one, "value")]
    assert {value.upload.image_id: value.image for value in values} == {f"i{n}": str(n).encode() for n in range(16)}
