"""docs/errors.md says something about every error there is."""

import runpy
from pathlib import Path

import pytest

from pipeline.cli import parser
from transforms import errors

MAKER = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "make_errors.py"))
RAISED = [*MAKER["leaves"](errors.InputError), *MAKER["leaves"](errors.JobError)]


def test_the_page_is_made_from_the_tree() -> None:
    assert MAKER["PAGE"].read_text("utf-8") == MAKER["page"](), "run python docs/make_errors.py"


def test_no_code_is_missing() -> None:
    page = MAKER["PAGE"].read_text("utf-8")
    every = {
        kind.code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.CaptionstreamError) and not kind.__subclasses__()
    }
    assert {line.removeprefix("### `").rstrip("`") for line in page.splitlines() if line.startswith("### ")} == every
    assert {"event_undecodable", "caption_rejected", "output_stalled"} <= every


def test_codes_are_unique() -> None:
    assert len({kind.code for kind in RAISED}) == len(RAISED)


@pytest.mark.parametrize("kind", RAISED, ids=lambda kind: kind.code)
def test_each_says_what_to_do(kind: type[errors.CaptionstreamError]) -> None:
    _, _, remedy = MAKER["section"](kind).partition("**What to do.** ")
    assert len(remedy.split()) >= 4
    assert f"├── {kind.__name__} " in (errors.__doc__ or "") or f"└── {kind.__name__} " in (errors.__doc__ or "")


def test_options_on_the_page_exist() -> None:
    [commands] = [action for action in parser()._actions if action.dest == "command"]
    known = {option for command in commands.choices.values() for option in command._option_string_actions}
    named = {
        word.strip("`(),.;:")
        for word in MAKER["page"]().split()
        if word.strip("`(").startswith("--") and not word.strip("`(").startswith("--kafka-*")
    }
    assert named
    assert {option for option in named if option not in known} == set()
