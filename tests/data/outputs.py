"""The corpus of model outputs, and what they answer."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from transforms.captioner.prompts import Library
from transforms.review import Asked

_LIBRARY = Library.load("default")


class Output(NamedTuple):
    text: str
    language: str
    verdict: str
    rule: str
    """Must be among the rules; empty for good ones."""

    @property
    def asked(self) -> Asked:
        return asked(self.language, "length" if self.rule == "truncated" else "stop")


def asked(language: str, finish_reason: str = "stop") -> Asked:
    prompt = _LIBRARY.render("*", "DESCRIBE", language, {"title": "Red mug", "brand": "Acme"}, None)
    return Asked(language, "DESCRIBE", f"{prompt.system}\n{prompt.text}", finish_reason)


def outputs() -> Iterator[Output]:
    content = _content()
    for part in (content, content["later"], content["last"], content["mended"], content["near"]):
        yield from _read(part)


def task_outputs() -> dict[str, Any]:
    """Outputs by task and language: what is `good`, and pairs of a rule and what is bad by it."""
    return tomllib.loads(Path(__file__).with_name("task_outputs.toml").read_text("utf-8"))


def held_out(part: str) -> Iterator[Output]:
    """Texts that no rule had been mended for when they were written; of bad ones only that they must not pass."""
    content = tomllib.loads(Path(__file__).with_name("held_out_outputs.toml").read_text("utf-8"))[part]
    for kind, verdict in (("good", "PASSED"), ("bad", "REJECTED")):
        for language, texts in content[kind].items():
            yield from (Output(text, language, verdict, "") for text in texts)


def missed() -> Iterator[Output]:
    """Bad ones that are known to pass."""
    for language, texts in _content()["missed"].items():
        yield from (Output(text, language, "PASSED", "") for text in texts)


def _content() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("model_outputs.toml").read_text("utf-8"))


def _read(content: dict[str, Any]) -> Iterator[Output]:
    for language, texts in content["good"].items():
        yield from (Output(text, language, "PASSED", "") for text in texts)
    for verdict in ("rejected", "redacted"):
        for rule, by_language in content.get(verdict, {}).items():
            for language, texts in by_language.items():
                yield from (Output(text, language, verdict.upper(), rule) for text in texts)
