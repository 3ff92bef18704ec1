"""The events that are written, as the job decodes them."""

from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.commands.submit import TASKS, _asked
from pipeline.submit.events import Asked
from pipeline.submit.pictures import Source
from schemas.codec import Encoder
from transforms.decode import DecodeEvent
from transforms.errors import ConfigInvalid
from transforms.values import Decoded, KafkaRecord, Task, Upload


def upload(asked: Asked, source: Source, image: bytes | None) -> Upload:
    value = Encoder("image_upload").encode(asked.event(source, image, 1_700_000_000_123))
    decoded = DecodeEvent()(KafkaRecord("t", 0, 0, 0, source.image_id.encode(), value, ()))
    assert isinstance(decoded, Decoded)
    return decoded.upload


def test_an_event_says_what_it_was_told() -> None:
    asked = Asked("acme", "food", "DESCRIBE", ("en",), (("brand", "A=B"),))
    made = upload(asked, Source("acme/a.png", Path("a.png")), b"bytes")
    assert (made.image_id, made.uploaded_at_ms, made.merchant, made.category) == (
        "acme/a.png",
        1_700_000_000_123,
        "acme",
        "food",
    )
    assert (made.task, made.languages, made.attributes) == (Task.DESCRIBE, ("en",), (("brand", "A=B"),))
    assert (made.inline, made.uri, made.question) == (b"bytes", None, None)


def test_an_address_goes_as_it_is_and_languages_are_those_of_the_schema() -> None:
    made = upload(Asked(), Source("a.example/i", uri="https://a.example/i?key=1"), None)
    assert (made.uri, made.inline) == ("https://a.example/i?key=1", None)
    assert made.languages == ("zh-Hans", "en")


def test_tasks_are_those_of_the_job() -> None:
    assert set(TASKS) == {task.value for task in Task} - {"UNKNOWN"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--attribute", "brand"], "attribute `brand` is not NAME=VALUE; mend --attribute, for example brand=Acme"),
        (["--attribute", "=x"], "attribute `=x` is not NAME=VALUE; mend --attribute"),
        (["--attribute", "a=1", "--attribute", "a=2"], "attribute `a` is given twice; leave one --attribute out"),
        (["--task", "ANSWER"], "task `ANSWER` has no question; add --question"),
        (["--topic", "a", "--topic", "b"], "`a, b` are several topics; name one with --topic"),
        (["--upload-format", "confluent"], "needs a schema id; add --schema-id"),
    ],
)
def test_wrong_options_are_named(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert main(["submit", str(tmp_path), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_value_may_hold_an_equals_sign() -> None:
    from pipeline.cli import parse

    parsed = parse(["submit", "x", "--attribute", "title=1=1", "--task", "ANSWER", "--question", "which?"], {})
    assert _asked(parsed) == Asked(task="ANSWER", attributes=(("title", "1=1"),), question="which?")
    with pytest.raises(ConfigInvalid):
        Asked(attributes=(("a", "1"), ("a", "1")))
