"""A library of prompts: read once, checked whole, then only looked up."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transforms.captioner.api import RenderedPrompt
from transforms.captioner.prompts import template
from transforms.errors import ConfigInvalid, UnsupportedLanguage, UnsupportedTask
from transforms.values import Task

BUNDLED = ("default", "tiny")
"""Libraries that come with the package."""
ANY = "*"
"""Category of the prompt that serves every category without one of its own."""

_TASKS = tuple(task.value for task in Task if task is not Task.UNKNOWN)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_REQUIRED = ("id", "task", "category", "language", "text")
_KEYS: Mapping[str, type] = dict.fromkeys((*_REQUIRED, "system"), str) | {"max_new_tokens": int}
_NOUNS = {str: "a string", int: "a whole number"}


@dataclass(frozen=True, slots=True)
class Prompt:
    """One ``[[prompt]]`` table."""

    id: str
    task: str
    """A `transforms.values.Task`."""
    category: str
    """An upload's category, or `ANY`."""
    language: str
    """Exact BCP 47 tag: ``zh-Hans``, not ``zh``."""
    text: str
    """User turn; may hold ``{title}``, any other attribute's name, ``{attributes}`` and ``{question}``."""
    system: str = ""
    """System turn, taken literally: what a shop writes never enters it. Empty means none."""
    max_new_tokens: int = 200

    @property
    def place(self) -> tuple[str, str, str]:
        """What it is looked up by."""
        return self.task, self.category, self.language


class Library:
    """Prompts by task, category and language.

    Raises `ConfigInvalid`, naming ``source``, when two prompts share a place or an upload could find none.
    """

    def __init__(self, version: str, prompts: tuple[Prompt, ...], source: str) -> None:
        self.version = version
        self.prompts = prompts
        self._places: dict[tuple[str, str, str], Prompt] = {}
        ids: set[str] = set()
        for prompt in prompts:
            if prompt.id in ids:
                raise _wrong(source, prompt.id, "its id is used twice", "give each prompt its own id")
            ids.add(prompt.id)
            twin = self._places.setdefault(prompt.place, prompt)
            if twin is not prompt:
                shared = f"it has the task, category and language of `{twin.id}`"
                raise _wrong(source, prompt.id, shared, "drop one of the two")
        for prompt in prompts:
            if (prompt.task, ANY, prompt.language) not in self._places:
                lonely = f"no prompt for {prompt.task} in `{prompt.language}` serves the category `{ANY}`"
                raise _wrong(source, prompt.id, lonely, "add one, so that no upload is left without a prompt")

    @classmethod
    def load(cls, name_or_path: str) -> Library:
        """Read ``default``, ``tiny`` or a TOML file. Raises `ConfigInvalid` naming file and prompt."""
        bundled = name_or_path in BUNDLED
        path = Path(__file__).with_name(f"{name_or_path}.toml") if bundled else Path(name_or_path)
        try:
            content = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise ConfigInvalid(
                f"prompt library `{name_or_path}` cannot be read ({error.strerror}); "
                f"--prompts takes {', '.join(BUNDLED)} or the path of a TOML file"
            ) from error
        except ValueError as error:
            raise ConfigInvalid(f"prompt library `{name_or_path}` is not TOML: {error}; mend the file") from error
        return cls(*_read(content, name_or_path), name_or_path)

    def tasks(self) -> tuple[str, ...]:
        """Tasks served, sorted."""
        return tuple(sorted({prompt.task for prompt in self.prompts}))

    def languages(self, task: str) -> tuple[str, ...]:
        """Languages in which a task is served, sorted; empty for a task that is not."""
        return tuple(sorted({prompt.language for prompt in self.prompts if prompt.task == task}))

    def render(
        self, category: str, task: str, language: str, attributes: Mapping[str, str], question: str | None
    ) -> RenderedPrompt:
        """Fill in the category's prompt, or that of `ANY`.

        Raises `UnsupportedTask` and `UnsupportedLanguage`, naming what exists.
        """
        languages = self.languages(task)
        if not languages:
            raise UnsupportedTask(f"task `{task}` is not served; the prompt library serves {_ticked(self.tasks())}")
        if language not in languages:
            raise UnsupportedLanguage(
                f"no prompt for {task} in `{language}`; the prompt library speaks {_ticked(languages)}"
            )
        prompt = self._places.get((task, category, language)) or self._places[task, ANY, language]
        text = template.fill(prompt.text, language, attributes, question)
        return RenderedPrompt(
            text=text,
            language=language,
            prompt_id=prompt.id,
            prompt_version=self.version,
            system=prompt.system,
            max_new_tokens=prompt.max_new_tokens,
            is_general=text == template.fill(prompt.text, language, {}, None),
        )


def _read(content: dict[str, Any], source: str) -> tuple[str, tuple[Prompt, ...]]:
    version, tables = content.pop("version", None), content.pop("prompt", None)
    if not isinstance(version, str) or not version:
        raise ConfigInvalid(f'prompt library `{source}` has no version; begin it with version = "1"')
    if content:
        raise ConfigInvalid(
            f"prompt library `{source}` has an unknown key `{min(content)}`; it takes version and [[prompt]]"
        )
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise ConfigInvalid(f"prompt library `{source}` has no prompts; add a [[prompt]] table")
    return version, tuple(_prompt(table, number, source) for number, table in enumerate(tables, 1))


def _prompt(table: dict[str, Any], number: int, source: str) -> Prompt:
    name = str(table.get("id") or f"number {number}")

    def require(right: bool, what: str, remedy: str) -> None:
        if not right:
            raise _wrong(source, name, what, remedy)

    for key, value in table.items():
        require(key in _KEYS, f"it has an unknown key `{key}`", f"it takes {', '.join(_KEYS)}")
        require(type(value) is _KEYS[key], f"`{key}` is `{value}`", f"make it {_NOUNS[_KEYS[key]]}")
    for key in _REQUIRED:
        require(bool(str(table.get(key, "")).strip()), f"`{key}` is missing", "add it")
    words: dict[str, Any] = {key: value.strip() if isinstance(value, str) else value for key, value in table.items()}
    prompt = Prompt(**words)
    require(prompt.task in _TASKS, f"task `{prompt.task}` does not exist", f"take one of {', '.join(_TASKS)}")
    tag = bool(_LANGUAGE.fullmatch(prompt.language))
    require(tag, f"language `{prompt.language}` is not BCP 47", "write it like en or zh-Hans")
    require(prompt.max_new_tokens > 0, f"max_new_tokens is `{prompt.max_new_tokens}`", "make it at least 1")
    literal = not template.has_placeholder(prompt.system)
    require(literal, "its system turn has a placeholder", "move it to text")
    try:
        template.check(prompt.text)
    except ValueError as error:
        raise _wrong(source, name, str(error), "write {title}, and {{ for a brace") from error
    return prompt


def _wrong(source: str, prompt: str, what: str, remedy: str) -> ConfigInvalid:
    return ConfigInvalid(f"prompt library `{source}`, prompt `{prompt}`: {what}; {remedy}")


def _ticked(values: tuple[str, ...]) -> str:
    return ", ".join(f"`{value}`" for value in values)
