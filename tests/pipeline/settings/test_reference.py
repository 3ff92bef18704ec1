"""docs/reference.md, and that every option can be written in a file and is described."""

from pipeline.cli import parser
from pipeline.settings.options import commands_of, options_of
from pipeline.settings.reference import PAGE, reference
from pipeline.settings.values import from_file


def test_the_page_is_what_the_parsers_say() -> None:
    assert PAGE.read_text("utf-8") == reference(parser()), "run `make reference`"


def test_every_option_says_what_it_is() -> None:
    for name, command in commands_of(parser()).items():
        for option in options_of(command).values():
            assert option.action.help, f"{name} --{option.name}"


def test_every_option_has_a_place_in_the_page() -> None:
    page = PAGE.read_text("utf-8")
    for command in commands_of(parser()).values():
        for name in options_of(command):
            assert f"| `--{name}` |" in page


def test_a_default_can_be_written_as_it_is() -> None:
    for command in commands_of(parser()).values():
        for name, option in options_of(command).items():
            if option.default is not None:
                assert from_file(option, option.default, name) == option.default
