"""The options that say who writes the captions reach the job's configuration."""

import argparse

import pytest

from pipeline.commands.captioner import add_captioner, captioner
from pipeline.commands.shared import add_model_pixels
from transforms.captioner.api import CaptionerOptions
from transforms.errors import ConfigInvalid


def options(*given: str) -> CaptionerOptions:
    parser = argparse.ArgumentParser()
    add_model_pixels(add_captioner(parser))
    return captioner(parser.parse_args(given))


def test_defaults_are_those_of_the_code() -> None:
    assert options() == CaptionerOptions()
    assert options("--device", "cuda") == CaptionerOptions(device="cuda", slots=64)


def test_options_reach_the_captioner() -> None:
    given = (
        *("--captioner=huggingface", "--model=/m", "--revision=r", "--slots=3", "--dtype=bfloat16", "--device=cuda"),
        *("--max-pixels=4096", "--download", "--text-tokens=300", "--memory-fraction=0.5", "--prepare-threads=2"),
        *("--no-own-process", "--no-record-steps", "--endpoint=http://h/v1", "--api-key=env:KEY"),
    )
    assert options(*given) == CaptionerOptions(
        *("huggingface", "/m", "r", 3, "bfloat16", "cuda", 4096, 300, 0.5),
        *(False, 2, False, "http://h/v1", "env:KEY", True),
    )
    assert options("--own-process").own_process is True


@pytest.mark.parametrize(
    "bad",
    ["--slots=0", "--text-tokens=5", "--memory-fraction=2", "--prepare-threads=0", "--captioner=x", "--api-key=x"],
)
def test_what_cannot_be_is_refused(bad: str) -> None:
    with pytest.raises(ConfigInvalid, match=bad.partition("=")[0]):
        options(bad)
