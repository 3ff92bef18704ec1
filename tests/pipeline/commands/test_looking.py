"""`report`, `inspect` and `audit` on the command line: wrong options, and brokers that are not there."""

import argparse
import shlex
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.cli import main, parse
from pipeline.commands import kafka
from pipeline.commands.shared import job_config
from pipeline.kafka.connection import KafkaOptions


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("report --since 24", "`24` is no duration; mend --since, for example 90s, 15m, 2h or 1d"),
        ("report --since 24h --from earliest", "`--since` is a window that ends now; give it without --from and --to"),
        ("report --gpu-hour-price -1", "price `-1.0` is none; mend --gpu-hour-price"),
        ("report --gpu-hour-price nan", "price `nan` is none; mend --gpu-hour-price"),
        ("report --gpus 0", "`0` cards write no captions; mend --gpus"),
        ("report --topic uploads", "`--topic` is for the pictures of the page; add --report"),
        ("report --from yesterday", "`yesterday` is neither earliest nor an ISO 8601 time; mend --from"),
        ("inspect --image ''", "the image id is empty; mend --image"),
        ("inspect --image x --no-history", "`--no-history` leaves nothing to show of an image; give --record"),
        ("inspect --record uploads/1", "`uploads/1` is not TOPIC/PARTITION/OFFSET; mend --record"),
        ("inspect --record else/0/1", "topic `else` is none of those that were named"),
        ("inspect --image x --topic a --audit-topic a", "topic `a` is used twice; mend --topic"),
        ("audit --image ''", "the image id is empty; mend --image"),
        ("audit --image x --schema-id 7=a.avsc", "`--schema-id` is for Confluent's wire format"),
    ],
)
def test_wrong_options_are_named_with_their_remedy(
    arguments: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(shlex.split(arguments)) == 2
    said = capsys.readouterr().err
    assert said.startswith("captionstream: config_invalid: ")
    assert words in said


@pytest.mark.parametrize(
    "arguments", ["report", "inspect --image x", "inspect --record image-uploads/0/1", "audit --image x"]
)
def test_a_dead_broker_is_one_line(
    arguments: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = arguments.split()[0]

    def impatient(parsed: argparse.Namespace) -> KafkaOptions:
        return replace(kafka.kafka_options(parsed), connect_seconds=1)

    monkeypatch.setattr(f"pipeline.commands.{command}.kafka_options", impatient)
    started = time.monotonic()
    assert main([*shlex.split(arguments), "--bootstrap-servers", "127.0.0.1:1"]) == 1
    assert capsys.readouterr().err.startswith(
        "captionstream: broker_unreachable: no broker at `127.0.0.1:1` answered in 1 s"
    )
    assert time.monotonic() - started < 60


def test_a_shared_file_may_name_the_uploads_of_a_report_without_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop.toml").write_text('bootstrap-servers = "127.0.0.1:1"\ntopic = ["image-uploads"]\n')
    monkeypatch.setattr(
        "pipeline.commands.report.kafka_options",
        lambda parsed: replace(kafka.kafka_options(parsed), connect_seconds=1),
    )
    assert main(["report", "--config", str(tmp_path / "shop.toml")]) == 1
    assert "no broker at `127.0.0.1:1` answered in 1 s" in capsys.readouterr().err


def test_which_texts_are_kept_reaches_the_job() -> None:
    for texts in ("all", "unpublished", "none"):
        config = job_config(parse(["replay", "--audit-texts", texts]))
        assert (config.audit_texts, config.audit().texts) == (texts, texts)
    assert job_config(parse(["replay"])).audit_texts == "all"
