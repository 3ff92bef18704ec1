"""A library from TOML. A file that extends a bundled one adds its prompts, and replaces those of the same place."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from transforms.captioner.prompts import template
from transforms.captioner.prompts.library import Library, check_apart, wrong
from transforms.captioner.prompts.prompt import TASKS, Prompt, fault
from transforms.errors import ConfigInvalid

BUNDLED = ("default", "alt_text", "tiny")
"""Libraries that come with the package."""
ATTRIBUTES = ("title", "brand", "colour", "sku")
"""Attributes that prompts may name without declaring them: those of the uploads' schema."""

_TOP = ("version", "extends", "attributes", "system", "prompt")
_REQUIRED = ("id", "task", "category", "language", "text")
_KEYS: Mapping[str, type] = dict.fromkeys((*_REQUIRED, "system"), str) | {"max_new_tokens": int} | {"alt_text": bool}
_NOUNS = {str: "a string", int: "a whole number", bool: "true or false", list: "a list", dict: "a table"}


@dataclass(frozen=True, slots=True)
class _File:
    """What a file says, with what it extends."""

    version: str
    attributes: tuple[str, ...]
    systems: dict[str, str]
    """System turns by task, for prompts without one of their own."""
    prompts: dict[tuple[str, str, str], Prompt]
    """By place; not yet with their task's system turn."""
    own_system: frozenset[str]
    """Ids of the prompts that have one of their own."""


def load_library(name_or_path: str) -> Library:
    """Read a bundled library or a TOML file. Raises `ConfigInvalid` naming file and prompt."""
    file = _read(name_or_path)
    prompts = tuple(_with_system(prompt, file) for prompt in file.prompts.values())
    for prompt in prompts:
        found = fault(prompt, file.attributes)
        if found is not None:
            raise wrong(name_or_path, prompt.id, *found)
    return Library(file.version, prompts, name_or_path)


def _with_system(prompt: Prompt, file: _File) -> Prompt:
    if prompt.id in file.own_system:
        return prompt
    return replace(prompt, system=file.systems.get(prompt.task, ""))


def _read(source: str) -> _File:
    content = _toml(source)
    _check_keys(content, source)
    version = content["version"]
    extends = content.get("extends", "")
    if extends and extends not in BUNDLED:
        raise ConfigInvalid(
            f"prompt library `{source}` extends `{extends}`; it can extend {' or '.join(BUNDLED)}, or nothing"
        )
    base = _read(extends) if extends else _File("", ATTRIBUTES, {}, {}, frozenset())
    systems = {task: text.strip() for task, text in content.get("system", {}).items()}
    tables = content.get("prompt", [])
    own = [_prompt(table, number, version, source) for number, table in enumerate(tables, 1)]
    check_apart(own, source)
    inherited = {
        # What a file changes of an inherited prompt makes it its own.
        place: replace(prompt, version=version)
        if prompt.task in systems and prompt.id not in base.own_system
        else prompt
        for place, prompt in base.prompts.items()
    }
    replaced = {prompt.place for prompt in own}
    kept = (prompt.id for place, prompt in base.prompts.items() if place not in replaced)
    return _File(
        version,
        tuple(dict.fromkeys((*base.attributes, *content.get("attributes", ())))),
        base.systems | systems,
        inherited | {prompt.place: prompt for prompt in own},
        (base.own_system & frozenset(kept)) | {str(table["id"]).strip() for table in tables if "system" in table},
    )


def _toml(source: str) -> dict[str, Any]:
    path = Path(__file__).with_name(f"{source}.toml") if source in BUNDLED else Path(source)
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigInvalid(
            f"prompt library `{source}` cannot be read ({error.strerror}); "
            f"--prompts takes {', '.join(BUNDLED)} or the path of a TOML file"
        ) from error
    except ValueError as error:
        raise ConfigInvalid(f"prompt library `{source}` is not TOML: {error}; mend the file") from error


def _check_keys(content: dict[str, Any], source: str) -> None:
    def require(right: bool, what: str) -> None:
        if not right:
            raise ConfigInvalid(f"prompt library `{source}` {what}")

    version, prompts = content.get("version"), content.get("prompt", [])
    require(isinstance(version, str) and bool(version), 'has no version; begin it with version = "1"')
    unknown = [key for key in content if key not in _TOP]
    takes = "it takes version, extends, attributes, [system] and [[prompt]]"
    require(not unknown, f"has an unknown key `{min(unknown, default='')}`; {takes}")
    for key, kind in (("extends", str), ("attributes", list), ("system", dict)):
        require(
            isinstance(content.get(key, kind()), kind), f"has `{content.get(key)}` as {key}; make it {_NOUNS[kind]}"
        )
    for name in content.get("attributes", ()):
        require(
            isinstance(name, str) and template.is_name(name), f"declares the attribute `{name}`; write names like title"
        )
    for task, text in content.get("system", {}).items():
        require(task in TASKS, f"has a system turn for `{task}`; take one of {', '.join(TASKS)}")
        require(isinstance(text, str), f"has `{text}` as system turn for {task}; make it a string")
    is_list = isinstance(prompts, list) and all(isinstance(table, dict) for table in prompts)
    says_something = bool(prompts) or ("extends" in content and "prompt" not in content)
    require(is_list and says_something, "has no prompts; add a [[prompt]] table")


def _prompt(table: dict[str, Any], number: int, version: str, source: str) -> Prompt:
    name = str(table.get("id") or f"number {number}").strip()
    for key, value in table.items():
        if key not in _KEYS:
            raise wrong(source, name, f"it has an unknown key `{key}`", f"it takes {', '.join(_KEYS)}")
        if type(value) is not _KEYS[key]:
            raise wrong(source, name, f"`{key}` is `{value}`", f"make it {_NOUNS[_KEYS[key]]}")
    for key in _REQUIRED:
        if not table.get(key, "").strip():
            raise wrong(source, name, f"`{key}` is missing", "add it")
    words: dict[str, Any] = {key: value.strip() if isinstance(value, str) else value for key, value in table.items()}
    return Prompt(version=version, **words)
