"""Topics, partitions and offsets on the command line."""

import argparse

import pytest

from pipeline.commands.uploads import add_offsets, add_uploads, offsets, show_spans, uploads
from pipeline.kafka.positions import Position, Uploads
from pipeline.kafka.span import Span
from transforms.errors import ConfigInvalid


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_uploads(parser)
    add_offsets(parser, "--from-offset", "first offset")
    return parser.parse_args(arguments)


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        ([], Uploads(("image-uploads",))),
        (["--topic", "a", "--topic", "b"], Uploads(("a", "b"))),
        (["--topic-pattern", "up-.*"], Uploads((), "up-.*")),
        (["--partition", "3"], Uploads(("image-uploads",), "", (("image-uploads", 3),))),
        (["--topic", "a", "--partition", "0", "--partition", "a:1"], Uploads(("a",), "", (("a", 0), ("a", 1)))),
        (["--topic-pattern", "up-.*", "--partition", "up-a:1"], Uploads((), "up-.*", (("up-a", 1),))),
    ],
)
def test_uploads_are_what_was_said(arguments: list[str], meant: Uploads) -> None:
    assert uploads(parse(*arguments)) == meant


def test_offsets_are_what_was_said() -> None:
    said = parse("--topic", "a", "--from-offset", "0=12", "--from-offset", "a:1=7")
    assert offsets(said, "from_offset") == (Position("a", 0, 12), Position("a", 1, 7))
    several = parse("--topic", "a", "--topic", "b", "--from-offset", "b:0=1")
    assert offsets(several, "from_offset") == (Position("b", 0, 1),)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--partition", "a:"], "`a:` names no partition; mend --partition, for example image-uploads:0"),
        (["--partition", "x"], "`x` names no partition; mend --partition"),
        (["--partition", "-1"], "`-1` names no partition; mend --partition"),
        (["--topic", "a", "--topic", "b", "--partition", "1"], "`1` does not say of which topic; mend --partition"),
        (["--topic-pattern", ".*", "--partition", "1"], "`1` does not say of which topic"),
        (["--topic", "a", "--partition", "b:1"], "partition `b:1` is of a topic that is not read"),
        (["--from-offset", "5"], r"`5` is not \[TOPIC:\]PARTITION=OFFSET; mend --from-offset, for example 0=1200"),
        (["--from-offset", "0=-5"], r"`0=-5` is not \[TOPIC:\]PARTITION=OFFSET; mend --from-offset"),
        (["--from-offset", "=5"], "`` names no partition; mend --from-offset"),
    ],
)
def test_what_makes_no_sense_is_named_with_its_remedy(arguments: list[str], words: str) -> None:
    said = parse(*arguments)
    with pytest.raises(ConfigInvalid, match=words):
        (uploads(said), offsets(said, "from_offset"))


def test_spans_are_shown_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    show_spans([Span("t" * 90, 0, 0, 12345), Span("u", 11, 98, 100)])
    head, first, second = capsys.readouterr().err.splitlines()
    assert head.split() == ["topic", "partition", "from", "to", "records"]
    assert first.split() == ["t" * 90, "0", "0", "12345", "12,345"]
    assert second.split() == ["u", "11", "98", "100", "2"]
    assert len({len(line.rstrip()) for line in (head, first, second)}) == 1  # numbers end below each other
    show_spans([])
    assert capsys.readouterr().err == ""
