"""A policy from TOML, read and checked where the job is made: the workers get its content, not its path."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from transforms.errors import ConfigInvalid
from transforms.review.fallback import has_names
from transforms.review.folding import compact
from transforms.review.policy import (
    ACTIONS,
    ANY,
    EVERY_LIST,
    LENGTHS,
    REDACT,
    RULES,
    UNPARSABLE,
    WHOLES,
    Length,
    ReviewPolicy,
    WordClass,
)
from transforms.review.table import Table, read_words
from transforms.values import Task

BUNDLED = "default"
_TASKS = (ANY, *(task.value for task in Task if task is not Task.UNKNOWN))
_NUMBERS: Mapping[str, tuple[str, type]] = {
    "max_run": ("repetition", int),
    "max_repeated_share": ("repetition", float),
    "max_redacted_share": ("redaction", float),
    "mark": ("redaction", str),
}
_KEYS = (
    *("extends", "name", "version", "max_attempts", "length", "repetition", "redaction", "actions", "words"),
    *("allow", "allow_file", "lookalikes", "fallback"),
)


def load_policy(name_or_path: str = BUNDLED) -> ReviewPolicy:
    """Read ``default`` or a TOML file. Raises `ConfigInvalid` naming file and key."""
    bundled = name_or_path == BUNDLED
    path = Path(__file__).with_name("default.toml") if bundled else Path(name_or_path)
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigInvalid(
            f"policy `{name_or_path}` cannot be read ({error.strerror}); --policy takes `{BUNDLED}` or the path of a "
            "TOML file"
        ) from error
    except ValueError as error:
        raise ConfigInvalid(f"policy `{name_or_path}` is not TOML: {error}; mend the file") from error
    return _read(Table(name_or_path, "", content), path)


def _read(table: Table, path: Path) -> ReviewPolicy:
    table.check_keys(_KEYS)
    extends = table.take("extends", str, "")
    if extends not in ("", BUNDLED):
        raise table.wrong("extends", f"`{extends}` cannot be extended", f'take "{BUNDLED}", or leave it out')
    base = load_policy() if extends else ReviewPolicy()
    release = table.take("version", str, "")
    if not release:
        raise table.wrong("version", "it is missing", 'begin the file with version = "1"')
    numbers = {}
    for key, (place, kind) in _NUMBERS.items():
        inner = table.table(place)
        inner.check_keys([name for name, (where, _) in _NUMBERS.items() if where == place])
        numbers[key] = inner.take(key, kind, getattr(base, key))
        if kind is float and not 0 <= numbers[key] <= 1:
            raise inner.wrong(key, f"`{numbers[key]:g}` is no share", "take one from 0 to 1")
        if kind is int and numbers[key] < 1:
            raise inner.wrong(key, f"`{numbers[key]}` is below 1", "make it at least 1")
    if compact(numbers["mark"]):
        raise table.wrong("redaction.mark", f"`{numbers['mark']}` has letters or digits", "take signs only")
    allowed = (*table.take("allow", list, []), *read_words(table, "allow_file", path))
    attempts = table.take("max_attempts", int, base.max_attempts)
    if attempts < 1:
        raise table.wrong("max_attempts", f"`{attempts}` is below 1", "make it at least 1")
    classes = _classes(table, base, path)
    return replace(
        base,
        name=table.take("name", str, path.stem),
        release=release,
        max_attempts=attempts,
        lengths=_lengths(table, base),
        actions=_actions(table, base),
        task_actions=_task_actions(table, base, (*RULES, EVERY_LIST, *(one.name for one in classes))),
        classes=classes,
        allowed=_sorted(table, "allow", (*base.allowed, *allowed)),
        lookalikes=_lookalikes(table, base),
        fallbacks=_fallbacks(table, base),
        **numbers,
    )


def _lengths(table: Table, base: ReviewPolicy) -> tuple[Length, ...]:
    found = {(one.task, one.language): one for one in base.lengths}
    for inner in table.tables("length"):
        inner.check_keys(("task", "language", "min", "max"))
        task, language = inner.take("task", str, ANY), inner.take("language", str, ANY)
        if task not in _TASKS:
            raise inner.wrong("task", f"`{task}` does not exist", f"take one of {', '.join(_TASKS)}")
        other = found.get((task, language), LENGTHS[0])
        one = Length(inner.take("min", int, other.min), inner.take("max", int, other.max), task, language)
        if not 0 <= one.min <= one.max:
            raise inner.wrong("min", f"`{one.min}` to `{one.max}` characters are no range", "mend min or max")
        found[task, language] = one
    return tuple(found.values())


def _actions(table: Table, base: ReviewPolicy) -> tuple[tuple[str, str], ...]:
    inner, found = table.table("actions"), dict(base.actions)
    inner.check_keys((*RULES, *_TASKS[1:]))
    found |= {rule: _rule_action(inner, rule) for rule in inner.content if rule not in _TASKS}
    return tuple(sorted(found.items()))


def _task_actions(table: Table, base: ReviewPolicy, rules: tuple[str, ...]) -> tuple[tuple[str, str, str], ...]:
    found = {(task, rule): action for task, rule, action in base.task_actions}
    for task in (key for key in table.table("actions").content if key in _TASKS):
        inner = table.table("actions").table(task)
        inner.check_keys(rules)
        found |= {(task, rule): _rule_action(inner, rule) for rule in inner.content}
    return tuple(sorted((*place, action) for place, action in found.items()))


def _rule_action(table: Table, rule: str) -> str:
    action = _action(table, rule)
    if action == REDACT and rule in WHOLES:
        raise table.wrong(rule, "it judges the whole text, of which nothing can be redacted", "reject or allow it")
    return action


def _action(table: Table, key: str) -> str:
    action = table.take(key, str, "")
    if action not in ACTIONS:
        raise table.wrong(key, f"`{action}` is no action", f"take one of {', '.join(ACTIONS)}")
    return action


def _classes(table: Table, base: ReviewPolicy, path: Path) -> tuple[WordClass, ...]:
    found = {one.name: one for one in base.classes}
    for name, inner in table.table("words").children():
        inner.check_keys(("action", "words", "words_file"))
        if name in (*RULES, EVERY_LIST, UNPARSABLE) or not name.isidentifier() or name != name.lower():
            raise table.wrong(
                f"words.{name}", "it cannot name a list", f"take a small word that is none of {_ticked(RULES)}"
            )
        known = found.get(name, WordClass(name, "", ()))
        action = known.action if known.action and "action" not in inner.content else _action(inner, "action")
        words = (*known.words, *inner.take("words", list, []), *read_words(inner, "words_file", path))
        found[name] = WordClass(name, action, _sorted(inner, "words", words))
        if not words:
            raise table.wrong(f"words.{name}", "it has no words", "give it words or words_file")
    return tuple(found.values())


def _sorted(table: Table, key: str, words: tuple[Any, ...]) -> tuple[str, ...]:
    """Without repeats, so that their order is no other policy."""
    for word in words:
        if not isinstance(word, str) or not compact(word):
            raise table.wrong(key, f"`{word}` is no word", "write words with letters or digits")
    return tuple(sorted(set(words)))


def _lookalikes(table: Table, base: ReviewPolicy) -> tuple[tuple[str, str], ...]:
    inner, found = table.table("lookalikes"), dict(base.lookalikes)
    for plain in inner.content:
        odd = inner.take(plain, str, "")
        if len(compact(plain)) != 1 or not odd or plain in odd:
            raise inner.wrong(
                plain, f"`{plain}` and `{odd}` are no character and others that stand for it", 'write 色 = "铯"'
            )
        found[plain] = "".join(sorted({*found.get(plain, ""), *odd}))
    return tuple(sorted(found.items()))


def _fallbacks(table: Table, base: ReviewPolicy) -> tuple[tuple[str, tuple[str, ...]], ...]:
    inner, found = table.table("fallback"), dict(base.fallbacks)
    for language in inner.content:
        templates = inner.take(language, list, [])
        for template in templates:
            if not isinstance(template, str) or not has_names(template):
                raise inner.wrong(language, f"`{template}` names no attribute", "write one like {title}, {colour}")
        found[language] = tuple(templates)
    return tuple(sorted(found.items()))


def _ticked(values: tuple[str, ...]) -> str:
    return ", ".join(f"`{value}`" for value in values)
