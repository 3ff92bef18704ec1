"""What an entry says, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.inspect.decoded import Entry
from pipeline.report.words import duration

_LONGEST = 120
"""Characters of a text in a line."""


def said(entry: Entry) -> str:
    """The entry in a line."""
    value = entry.value
    if value is None:
        return _WITHOUT_VALUE.get(entry.kind, "no value")
    if "undecodable" in value and entry.kind != "dead letter":
        return f"cannot be read: {value['undecodable']}"
    return _SAYS[entry.kind](value)


def picture(value: Mapping[str, Any]) -> str:
    """What is known of an upload's picture."""
    image = value.get("image")
    if image is None:
        return f"at {value.get('uri')}"
    return f"{image['format']} of {image['bytes']:,} bytes, sha256 {image['sha256'][:12]}"


def words_of(text: Mapping[str, Any]) -> str:
    """A text with what its task says besides."""
    told, moderation = str(text["caption"]), text["moderation"]
    if moderation is not None:
        reasons = f" ({', '.join(moderation['reasons'])})" if moderation["reasons"] else ""
        told = f"{moderation['verdict']}{reasons}: {told}"
    keywords = f" [{', '.join(text['keywords'])}]" if text["keywords"] else ""
    beside = f" (alt: {text['alt_text']})" if text["alt_text"] else ""
    return f"{told}{keywords}{beside}"


def _upload(value: Mapping[str, Any]) -> str:
    asked = f"{value['task']} in {', '.join(value['languages'])}"
    question = f" to “{cut(value['question'])}”" if value["task"] == "ANSWER" and value["question"] else ""
    return f"asks {asked}{question}; {picture(value)}"


def _answer(value: Mapping[str, Any]) -> str:
    rules = f" ({', '.join(value['rules'])})" if value["rules"] else ""
    what = f"{value['verdict']}{rules} in {value['language']}"
    if value["origin"] == "REUSED":
        return f"text of {value['duplicate_of'] or 'another picture'} used again: {what}"
    tokens = f"{value['input_tokens']} + {value['output_tokens']} tokens, {duration(value['generation_ms'])}"
    return f"answer {value['attempt'] + 1}: {what}; {tokens}"


def _caption(value: Mapping[str, Any]) -> str:
    texts = " | ".join(f"{text['language']}: {cut(words_of(text))}" for text in value["texts"])
    of = f" from {value['duplicate_of']}" if value["duplicate_of"] else ""
    flags = f" [{', '.join(value['flags'])}]" if value["flags"] else ""
    return f"{value['origin']}{of}{flags}; {texts}"


def _letter(value: Mapping[str, Any]) -> str:
    if "undecodable" in value:
        return f"cannot be read: {value['undecodable']}"
    retry = "retryable" if value["retryable"] else "not retryable"
    again = f", redriven {value['attempt']} times" if value["attempt"] else ""
    return f"{value['code']} ({retry}{again}) at {value['stage']}: {value['message']}"


def _cached(value: Mapping[str, Any]) -> str:
    texts = " | ".join(f"{text['language']}: {cut(words_of(text))}" for text in value["texts"])
    return f"{value['task']}; {texts}"


def cut(text: str) -> str:
    """So much of a text as goes into a line."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


_SAYS = {"upload": _upload, "answer": _answer, "caption": _caption, "dead letter": _letter, "cached texts": _cached}
_WITHOUT_VALUE = {
    "deletion": "asks to delete the image",
    "withdrawal": "the image's captions are withdrawn",
    "cached texts": "forgotten",
}
