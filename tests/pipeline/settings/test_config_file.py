"""Options from a file and the environment, as a user meets them: which wins, and the words when one is wrong."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main, parse
from pipeline.commands.shared import job_config
from transforms.errors import ConfigInvalid

ROOT = Path(__file__).parents[3]


@pytest.fixture
def written(tmp_path: Path) -> Any:
    """Write the file; returns ``--config`` and its path."""

    def write(text: str) -> list[str]:
        path = tmp_path / "shop.toml"
        path.write_text(text, "utf-8")
        return ["--config", str(path)]

    return write


def test_the_command_line_goes_before_the_file_and_the_file_before_the_environment(written: Any) -> None:
    config = written(
        'slots = 16\nmodel = "/top"\npreset = "lenient"\n[run]\nmodel = "/run"\n[replay]\nmodel = "/replay"\n'
    )
    variables = {
        "CAPTIONSTREAM_PRESET": "strict",
        "CAPTIONSTREAM_SLOTS": "9",
        "CAPTIONSTREAM_DEVICE": "cuda",
        "CAPTIONSTREAM_MODEL": "/variable",
    }
    parsed = parse(["run", *config, "--slots", "3"], variables)
    assert (parsed.slots, parsed.model, parsed.preset, parsed.device) == (3, "/run", "lenient", "cuda")
    parsed = parse(["replay", *config], variables)
    assert (parsed.slots, parsed.model) == (16, "/replay")
    parsed = parse(["replay"], {**variables, "CAPTIONSTREAM_TEXT_TOKENS": ""})
    assert parsed.text_tokens is None
    assert (parsed.slots, parsed.model, parsed.preset) == (9, "/variable", "strict")


def test_the_environment_names_the_file_and_the_command_line_another(written: Any, tmp_path: Path) -> None:
    path = written("slots = 5\n")[1]
    other = tmp_path / "other.toml"
    other.write_text("slots = 6\n")
    assert parse(["run"], {"CAPTIONSTREAM_CONFIG": path}).slots == 5
    assert parse(["run", f"--config={other}"], {"CAPTIONSTREAM_CONFIG": path}).slots == 6


def test_arrays_are_repeatable_options_and_the_command_line_replaces_them(written: Any) -> None:
    config = written('topic = ["a", "b"]\nfetch-port = [8080, 8443]\n')
    assert parse(["run", *config], {}).topic == ["a", "b"]
    assert parse(["run", *config], {}).fetch_port == [8080, 8443]
    assert parse(["run", *config, "--topic", "c", "--topic", "d"], {}).topic == ["c", "d"]
    assert parse(["run"], {"CAPTIONSTREAM_TOPIC": "a,b"}).topic == ["a,b"]
    assert parse(["run"], {"CAPTIONSTREAM_TOPIC": '["a", "b"]', "CAPTIONSTREAM_FETCH_PORT": "[1, 2]"}).topic == [
        "a",
        "b",
    ]


def test_switches_are_booleans_and_can_be_turned_off_again(written: Any) -> None:
    config = written("only-changed = true\nown-process = false\n")
    parsed = parse(["replay", *config], {})
    assert (parsed.only_changed, parsed.own_process) == (True, False)
    assert parse(["replay", *config, "--no-only-changed", "--own-process"], {}).only_changed is False
    assert parse(["replay", *config, "--no-only-changed", "--own-process"], {}).own_process is True
    assert parse(["replay"], {"CAPTIONSTREAM_ONLY_CHANGED": "true"}).only_changed is True
    assert parse(["replay", "--no-only-changed"], {"CAPTIONSTREAM_ONLY_CHANGED": "true"}).only_changed is False


def test_an_option_with_an_optional_number_takes_true(written: Any) -> None:
    assert parse(["run", *written("audit-sample = true\n")], {}).audit_sample == 0.01
    assert parse(["run", *written("audit-sample = 0.5\n")], {}).audit_sample == 0.5
    assert parse(["run"], {"CAPTIONSTREAM_AUDIT_SAMPLE": "true"}).audit_sample == 0.01


def test_whole_numbers_do_for_numbers(written: Any) -> None:
    distance = parse(["run", *written("max-colour-distance = 3\n")], {}).max_colour_distance
    assert (distance, type(distance)) == (3.0, float)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("slot = 3", "key `slot` in `{}` is unknown; did you mean `slots`?"),
        ("bootstrap_servers = 'b:1'", "key `bootstrap_servers` in `{}` is unknown; did you mean `bootstrap-servers`?"),
        ("zzzz = 3", "key `zzzz` in `{}` is unknown; no command has an option --zzzz"),
        ("config = 'x'", "key `config` in `{}` is unknown; no command has an option --config"),
        ("[rum]\nslots = 3", "table `[rum]` in `{}` is unknown; did you mean `run`?"),
        ("[kafka]\nslots = 3", "table `[kafka]` in `{}` is unknown; tables are named after commands; check reads"),
        (
            "[check]\nslots = 3",
            "table `[check]` in `{}` is unknown; tables are named after commands; check reads [run]",
        ),
        ("[run]\nsloots = 3", "key `sloots` of [run] in `{}` is unknown; did you mean `slots`?"),
        ("[redrive]\nslots = 3", "key `slots` of [redrive] in `{}` is unknown; redrive has no option --slots"),
        ("slots = '3'", "`slots` in `{}` is `3`; make it a whole number"),
        ("slots = true", "`slots` in `{}` is `true`; make it a whole number"),
        ("slots = 3.5", "`slots` in `{}` is `3.5`; make it a whole number"),
        ("model = 3", "`model` in `{}` is `3`; make it a string"),
        ("topic = 'a'", "`topic` in `{}` is `a`; make it an array of strings"),
        ("topic = [3]", "`topic` in `{}` is `3`; make it an array of strings"),
        ("fetch-port = ['a']", "`fetch-port` in `{}` is `a`; make it an array of whole numbers"),
        ("only-changed = 'yes'", "`only-changed` in `{}` is `yes`; make it true or false"),
        ("audit-sample = 'x'", "`audit-sample` in `{}` is `x`; make it a number, or true for 0.01"),
        ("preset = 'loose'", "`preset` in `{}` is `loose`; it takes strict, balanced, lenient"),
        ("[run]\nrunner = 'embedded'", "`runner` of [run] in `{}` is `embedded`; it takes flink, prism, dataflow"),
        ("kafka-password = ['hunter2']", "`kafka-password` in `{}` is of another kind; make it a string"),
        ("group = 'g'", "key `group` in `{}` is not the same option in run, redrive; move it into [run] or [redrive]"),
        ("from = 'latest'", "key `from` in `{}` is not the same option in run, replay, redrive"),
        ("slots = ", "config file `{}` is not TOML: Invalid value (at end of document); mend the file"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(
    written: Any, text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = written(text)
    assert main(["replay", *config]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"captionstream: config_invalid: {words.format(config[1])}")
    assert "hunter2" not in said
    assert said.count("\n") == 1


def test_a_file_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--config", "none.toml"]) == 2
    assert capsys.readouterr().err == (
        "captionstream: config_invalid: config file `none.toml` cannot be read (`No such file or directory`); "
        "mend --config\n"
    )


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SLOTS", "many", "environment variable `CAPTIONSTREAM_SLOTS` is `many`; make it a whole number"),
        ("ONLY_CHANGED", "1", "environment variable `CAPTIONSTREAM_ONLY_CHANGED` is `1`; make it true or false"),
        (
            "TOPIC",
            "[a",
            'environment variable `CAPTIONSTREAM_TOPIC` is no array; write one value, or several as ["a", "b"]',
        ),
        ("PRESET", "x", "environment variable `CAPTIONSTREAM_PRESET` is `x`; it takes strict, balanced, lenient"),
    ],
)
def test_what_is_wrong_in_the_environment_is_named(name: str, value: str, words: str) -> None:
    with pytest.raises(ConfigInvalid) as raised:
        parse(["replay"], {f"CAPTIONSTREAM_{name}": value})
    assert raised.value.message == words


def test_a_variable_with_a_typing_error_is_told_and_others_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    variables = {
        "CAPTIONSTREAM_TOPCI": "a",
        "CAPTIONSTREAM_REST_SERVICE_HOST": "10.0.0.1",
        "CAPTIONSTREAM_PRISM": "/bin/prism",
        "CAPTIONSTREAM_PHOTOS": "/photos",
    }
    assert parse(["run"], variables).topic == []
    assert capsys.readouterr().err == (
        "captionstream: environment variable `CAPTIONSTREAM_TOPCI` is no option; did you mean CAPTIONSTREAM_TOPIC?\n"
    )


def test_a_message_about_an_option_says_where_it_was_set(written: Any, capsys: pytest.CaptureFixture[str]) -> None:
    config = written("[replay]\nslots = 0\n")
    assert main(["replay", *config]) == 2
    assert capsys.readouterr().err == (
        "captionstream: config_invalid: slots `0` must be at least 1; mend --slots "
        f"(--slots is `slots` of [replay] in `{config[1]}`)\n"
    )
    assert main(["replay", *config, "--slots", "-1"]) == 2
    assert capsys.readouterr().err.endswith("mend --slots\n")


def test_a_secret_in_a_file_is_refused_without_a_word_of_it(written: Any, capsys: pytest.CaptureFixture[str]) -> None:
    config = written('kafka-security-protocol = "SASL_SSL"\nkafka-sasl-mechanism = "PLAIN"\nkafka-username = "u"\n'
                     'kafka-password = "hunter2"\n')  # fmt: skip
    assert main(["replay", *config]) == 2
    said = capsys.readouterr().err
    assert "--kafka-password takes a reference to a secret, not the secret itself: env:NAME" in said
    assert "hunter2" not in said


def test_help_is_shown_whatever_the_file_says(written: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", *written("slots = "), "--help"])
    assert ended.value.code == 0
    assert "example:\n  captionstream run" in capsys.readouterr().out


def test_a_file_makes_the_configuration_that_the_command_line_makes(written: Any) -> None:
    words = ["--preset", "strict", "--max-colour-distance", "3", "--model", "/m", "--slots", "4", "--run-id", "r"]
    words += ["--fetch-host", "a.example", "--topic", "t", "--kafka-option", "fetch_max_wait_ms=100"]
    config = written(
        'preset = "strict"\nmax-colour-distance = 3\nmodel = "/m"\nslots = 4\nfetch-host = ["a.example"]\n'
        'topic = ["t"]\nkafka-option = ["fetch_max_wait_ms=100"]\n[run]\nrun-id = "r"\n'
    )
    assert job_config(parse(["run", *words], {})) == job_config(parse(["run", *config], {}))


def test_the_page_shows_a_file_that_is_taken(written: Any) -> None:
    page = (ROOT / "docs" / "options.md").read_text("utf-8")
    config = written(page.partition("```toml\n")[2].partition("```")[0])
    parsed = parse(["run", *config], {})
    assert parsed.topic == ["image-uploads"]
    assert parsed.watchdog_fails
    assert job_config(parsed).captioner.model == "/models/Qwen3-VL-8B-Instruct"
    assert parse(["replay", *config], {}).only_changed
    assert parse(["redrive", *config], {}).retryable_only
