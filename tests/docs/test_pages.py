"""Commands, options and links of README.md and docs/ are real."""

import re
from pathlib import Path

import pytest
from docs.pages import PAGES, ROOT, commands, links, options, shown

from pipeline.cli import parse, parser

OF_OTHERS = {"--build-arg", "--max_bundle_time_mills", "--profile"}
"""Options of other programs, the benchmarks among them."""


@pytest.mark.parametrize(
    ("page", "words"),
    [
        pytest.param(page.name, words, id=f"{page.name}: {' '.join(words)[:60]}")
        for page in PAGES
        for words in commands(page)
    ],
)
def test_the_program_takes_every_command(page: str, words: list[str]) -> None:
    assert parse(words).command == words[0]


def test_commands_are_found() -> None:
    assert {words[0] for page in PAGES for words in commands(page)} >= {"run", "replay", "redrive", "duplicates"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_exists(page: Path) -> None:
    [named] = [action for action in parser()._actions if action.dest == "command"]
    known = {option for command in named.choices.values() for option in command._option_string_actions}
    assert options(page) - known - OF_OTHERS == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert [target for target in links(page) if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_targets_and_benchmarks_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    targets = re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text("utf-8"), re.M)
    for target in [line.split()[1] for line in shown(page) if line.startswith("make ")] + re.findall(
        r"`make ([\w-]+)", text
    ):
        assert target in targets, target
    for module in re.findall(r"python -m (tests\.[\w.]+)", text):
        assert (ROOT / module.replace(".", "/")).with_suffix(".py").exists(), module


def test_every_page_is_named_in_the_readme() -> None:
    readme = PAGES[0]
    assert {page.name for page in PAGES[1:]} <= {Path(target).name for target in links(readme)}
