"""Where pictures may come from, as said on the command line."""

import pytest

from pipeline.cli import main, parser
from pipeline.commands.shared import job_config
from transforms.fetch import BucketLimits, FetchLimits, HttpLimits, signing


def limits(*said: str) -> FetchLimits:
    return job_config(parser().parse_args(["replay", *said])).fetch


def test_nothing_said_is_nothing_fetched() -> None:
    assert limits() == FetchLimits()


def test_everything_said_arrives() -> None:
    said = "--fetch-host .cdn.example --fetch-host shop.example --fetch-plain-http --fetch-port 8080 --fetch-port 8443 "
    said += "--fetch-network 10.2.0.0/16 --fetch-network fd12::/64 --fetch-ca-file /ca.pem --fetch-timeout 1.5s "
    said += "--fetch-proxy http://proxy:3128 "
    said += "--fetch-connections 9 --fetch-connections-per-host 3 --fetch-memory 64 --max-image-bytes 1000"
    assert limits(*said.split(), "--file-root", "/p") == FetchLimits(
        "/p",
        1000,
        HttpLimits(
            hosts=(".cdn.example", "shop.example"),
            allow_plain=True,
            ports=(8080, 8443),
            networks=("10.2.0.0/16", "fd12::/64"),
            proxy="http://proxy:3128",
            ca_file="/ca.pem",
            seconds=1.5,
            connections=9,
            connections_per_host=3,
            memory=64 << 20,
        ),
    )


def test_buckets_arrive() -> None:
    said = "--fetch-bucket s3://shop --fetch-bucket gs://shop --fetch-s3-endpoint https://a:9000 --fetch-gs-endpoint https://b"
    names = ("s3://shop", "gs://shop")
    assert limits(*said.split()) == FetchLimits(buckets=BucketLimits(names, "https://a:9000", "https://b"))


def test_a_bucket_whose_package_is_missing_is_told_at_the_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(signing, "find_spec", lambda _: None)
    assert main(["replay", "--fetch-bucket", "gs://shop"]) == 2
    assert "needs the package `google-auth`, which is not here; install captionstream[gs]" in capsys.readouterr().err


def test_help_tells_the_defaults() -> None:
    told = " ".join(next(iter(parser()._subparsers._group_actions)).choices["run"].format_help().split())  # type: ignore[union-attr]
    http = HttpLimits()
    assert f"(default {http.seconds:g}s)" in told
    assert f"(default {http.connections})" in told
    assert f"--fetch-connections-per-host N of a Python worker (default {http.connections_per_host})" in told
    assert f"for fetched pictures (default {http.memory >> 20})" in told


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (["--fetch-timeout", "soon"], "`soon` is no duration; mend --fetch-timeout"),
        (["--fetch-memory", "1"], "`1048576` bytes for fetching hold no picture of `20971520`; mend --fetch-memory"),
        (["--fetch-network", "10.0.0.0/8"], "no host is allowed, so no picture is fetched from one; name some with"),
        (
            ["--fetch-host", "*", "--fetch-proxy", "http://proxy:3128"],
            "behind a proxy nobody judges where a name leads, so `*` would open the proxy's own network",
        ),
        (["--fetch-bucket", "shop"], "`shop` is no bucket; mend --fetch-bucket, for example s3://name or gs://name"),
        (["--fetch-host", "a", "--fetch-network", "x"], "`x` is no network; mend --fetch-network"),
    ],
)
def test_mistakes_are_one_line(said: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", *said]) == 2
    assert words in capsys.readouterr().err
