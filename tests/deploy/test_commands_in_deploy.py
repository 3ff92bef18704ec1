"""Every command line that deploy/ and its page show is one that the program takes."""

import re
from pathlib import Path

import pytest
from deploy.reading import DEPLOY, GUIDE, MANIFESTS, container_commands, shell_commands

from pipeline.cli import parse
from pipeline.commands.run import live_read
from pipeline.commands.runner import submission
from pipeline.commands.shared import job_config
from pipeline.runners.checks import check
from pipeline.runners.options import beam_options

WITH_COMMANDS = {"compose.yaml", "job.yaml", "deploying.md"}
VALUES = {"$MODEL": "tiny", "$DEVICE": "cpu", "$DTYPE": "float32", "$SLOTS": "8"}
"""What compose.yaml sets; the lines are shell."""


def _commands() -> list[tuple[str, list[str]]]:
    found = [(path.name, words) for path in MANIFESTS for words in container_commands(path)]
    found += [(path.name, words) for path in DEPLOY.rglob("*.sh") for words in shell_commands(path.read_text())]
    found += [(GUIDE.name, words) for words in shell_commands(GUIDE.read_text())]
    return [(name, [VALUES.get(word.replace("$$", "$"), word) for word in words]) for name, words in found]


def test_commands_are_found_where_they_are() -> None:
    assert {name for name, _ in _commands()} == WITH_COMMANDS


@pytest.mark.parametrize(("name", "words"), _commands())
def test_the_program_takes_it_and_submits_it(name: str, words: list[str]) -> None:
    parsed = parse(words[1:])
    if parsed.command != "run":
        return
    config = job_config(parsed)
    live_read(parsed, config)
    job = submission(parsed, config, parsed.resume)
    check(job, beam_options(job), "2.77.0", "2.77.0")


def test_options_the_page_names_exist() -> None:
    known = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", "".join(_help())))
    assert set(re.findall(r"`(--[a-z][a-z-]+)", GUIDE.read_text())) <= known | {"--build-arg"}


def _help() -> list[str]:
    from pipeline.cli import parser

    commands = parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]
    return [command.format_help() for command in commands.values()]


def test_nothing_of_ours_is_named_that_does_not_exist() -> None:
    for path in [GUIDE, *DEPLOY.rglob("*")]:
        if path.is_dir() or path.suffix == ".lock":
            continue
        for named in re.findall(r"(?<![\w/-])(?:deploy|docs|schemas)/[\w./-]*\w", path.read_text()):
            assert (Path(DEPLOY.parent) / named).exists(), f"{path.name} names {named}"
