"""The command line as a user meets it: words and exit codes."""

import argparse
import os
import re
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from data.shop_folder import product

from pipeline.cli import main, parser
from pipeline.commands.shared import job_config, wire_format, writable_report
from pipeline.config import Config
from pipeline.settings.options import commands_of
from transforms.captioner.prompts import Library
from transforms.errors import ConfigInvalid

ROOT = Path(__file__).parents[2]
OF_BEAM = {"--experiments", "--streaming", "--name", "--flag"}
"""Said after ``--``; Beam's other options have an underscore."""
BEGINNINGS = {"--no-", "--kafka-"}
"""Of several options."""


HEAVY = re.compile(r"'(torch|transformers|apache_beam|kafka|numpy|fastavro|PIL|rich|jinja2|requests)'")
SHOW_HELP = """
import contextlib, sys
from pipeline.cli import main
for words in ([path] for path in sys.argv[1:]):
    with contextlib.suppress(SystemExit):
        main([*words, "--help"])
print(sorted(sys.modules))
"""


def test_help_begins_with_an_example_ends_with_exit_codes_and_imports_nothing_heavy() -> None:
    commands = list(commands_of(parser()))
    command = [sys.executable, "-c", SHOW_HELP, *commands]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)
    *shown, modules = done.stdout.splitlines()
    said = "\n".join(shown)
    assert not HEAVY.search(modules)
    for name in commands:
        page = re.search(rf"^usage: captionstream {name} .*?^exit codes: ", said, re.M | re.S)
        assert page, name
        description, _, options = page[0].partition("\noptions:\n")
        assert f"example:\n  captionstream {name} " in description
        assert description[: description.index("example:")].count("\n") == 4
        assert "--verbose" in options
    assert said.count("exit codes: 0 done, 1 ") == len(commands)


def test_help_takes_less_than_half_a_second() -> None:
    took = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "pipeline.cli", "run", "--help"], capture_output=True, cwd=ROOT, check=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(took) < 0.5  # of processor time: others may be busy here


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--topci", "a"],
            "captionstream replay: `--topci` is no option, did you mean --topic?; see captionstream replay",
        ),
        (
            ["--top", "a"],
            "captionstream replay: `--top` is no option, did you mean --to?; see captionstream replay --help",
        ),
        (["a"], "captionstream replay: `a` is one argument too many; see captionstream replay --help"),
        (
            ["--slots", "x"],
            "captionstream replay: argument --slots: invalid int value: 'x'; see captionstream replay --help",
        ),
    ],
)
def test_what_is_no_option_is_one_line(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["replay", *arguments])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(words)
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--bootstrap-servers", "foo"], "broker `foo` is not host:port; mend --bootstrap-servers"),
        (["--schema-id", "x"], "schema id `x` is not ID=FILE; mend --schema-id"),
        (["--upload-format", "confluent"], "needs a schema id; add --schema-id"),
        (["--topic", "a", "--captions-topic", "a"], "topic `a` is used twice; mend --topic"),
        (["--captions-topic", "a", "--audit-topic", "a"], "topic `a` is used twice; mend --topic"),
        (["--topic-pattern", "image-.*"], "matches `image-captions`, which the job writes; mend --topic-pattern"),
        (["--topic", "a", "--topic-pattern", "b"], "give either --topic or --topic-pattern"),
        (["--from", "yesterday"], "`yesterday` is neither earliest, latest nor an ISO 8601 time; mend --from"),
        (["--to", "committed"], "`committed` is neither earliest, latest nor an ISO 8601 time; mend --to"),
        (["--run-id", "a b"], "run id `a b` is not 1 to 64 of"),
        (["--slots", "0"], "slots `0` must be at least 1; mend --slots"),
        (
            ["--prompts", "none.toml"],
            "prompt library `none.toml` cannot be read (No such file or directory); --pro",
        ),
        (["--policy", "none.toml"], "policy `none.toml` cannot be read (No such file or directory); --policy takes"),
        (["--max-attempts", "0"], "max attempts `0` must be at least 1; mend --max-attempts"),
        (["--file-root", "here"], "file root `here` is not an absolute path; mend --file-root"),
        (["--max-hash-distance", "40"], "hash distance `40` is outside 0 to 16; mend --max-hash-distance"),
    ],
)
def test_wrong_options_are_named_with_their_remedy(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", *arguments]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
    assert said.startswith("captionstream: config_invalid: ")


def test_unreachable_broker_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def impatient(parsed: argparse.Namespace) -> Config:
        config = job_config(parsed)
        return replace(config, kafka=replace(config.kafka, connect_seconds=1))

    monkeypatch.setattr("pipeline.commands.replay.job_config", impatient)
    assert main(["replay", "--bootstrap-servers", "127.0.0.1:1"]) == 1
    assert capsys.readouterr().err == (
        "captionstream: broker_unreachable: no broker at `127.0.0.1:1` answered in 1 s (`KafkaTimeoutError`); "
        "check --bootstrap-servers and that the broker is running\n"
    )


def test_every_option_a_message_names_exists() -> None:
    known = set()
    for action in parser()._subparsers._group_actions[0].choices.values():  # type: ignore[union-attr]
        known |= {option for a in action._actions for option in a.option_strings}
    for folder in ("pipeline", "transforms", "schemas"):
        for path in (ROOT / folder).rglob("*.py"):
            if "tiny" in path.parts or "local" in path.parts:  # options of other programs
                continue
            named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+(?![\w*-])", path.read_text()))
            assert named <= known | OF_BEAM | BEGINNINGS, path


def test_options_reach_the_configuration() -> None:
    config = job_config(
        parser().parse_args(
            ["replay", "--preset", "strict", "--max-colour-distance", "3", "--model", "/m", "--slots", "4"]
        )
    )
    assert (config.similarity.max_hash_distance, config.similarity.max_colour_distance) == (4, 3)
    assert (config.captioner.model, config.captioner.slots, config.prompts) == ("/m", 4, Library.load("default"))
    assert config.is_replay


def test_confluent_ids_take_several_writers() -> None:
    wire = wire_format("confluent", ["1=image_upload", "7=image_upload"])
    assert wire.schemas == ((1, "image_upload"), (7, "image_upload"))
    with pytest.raises(ConfigInvalid, match="add --upload-format confluent"):
        wire_format("avro", ["1=image_upload"])


def test_report_that_cannot_be_written_is_said_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    for path, why in ((tmp_path / "file" / "report.html", "File exists"), (tmp_path, "Is a directory")):
        assert main(["demo", "--report", str(path)]) == 2
        said = capsys.readouterr().err
        assert said == f"captionstream: config_invalid: report `{path}` cannot be written (`{why}`); mend --report\n"


def test_a_page_that_is_not_written_leaves_no_file(tmp_path: Path) -> None:
    new, old = tmp_path / "new" / "report.html", tmp_path / "old.html"
    old.write_text("yesterday's")
    assert (writable_report(str(new)), writable_report(str(old))) == (new, old)
    assert not new.exists()
    assert old.read_text() == "yesterday's"


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_who_prints_into_a_closed_pipe_ends_without_a_word(tmp_path: Path, more: list[str]) -> None:
    product(1).save(tmp_path / "a.png")
    reads, writes = os.pipe()
    os.close(reads)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.cli", "duplicates", str(tmp_path), *more],
            stdout=writes, stderr=subprocess.PIPE, text=True, cwd=ROOT, timeout=120,
        )  # fmt: skip
    finally:
        os.close(writes)
    assert (done.returncode, done.stderr) == (1, "")
