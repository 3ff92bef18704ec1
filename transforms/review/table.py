"""A TOML table that knows where it stands: every complaint names file and key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from transforms.errors import ConfigInvalid

_NOUNS = {str: "a string", int: "a whole number", float: "a number", list: "a list", dict: "a table"}


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a policy file."""

    source: str
    """The file, as the user named it."""
    place: str
    """Its key, with dots; empty for the whole file."""
    content: dict[str, Any]

    def wrong(self, key: str, what: str, remedy: str) -> ConfigInvalid:
        """What is to be raised."""
        return ConfigInvalid(f"policy `{self.source}`, key `{self._name(key)}`: {what}; {remedy}")

    def check_keys(self, known: Iterable[str]) -> None:
        """Raise `ConfigInvalid` for a key that is not ``known``, with the one it may have meant."""
        known = tuple(known)
        for key in self.content:
            if key not in known:
                near = get_close_matches(key, known, 1)
                remedy = f"did you mean `{near[0]}`?" if near else f"take one of {', '.join(known)}"
                raise self.wrong(key, "nobody knows it", remedy)

    def take(self, key: str, kind: type, default: Any) -> Any:
        """The value of a key, or ``default``. Raises `ConfigInvalid` when it is of another kind."""
        value = self.content.get(key, default)
        right = isinstance(value, (int, float) if kind is float else kind) and (kind is bool or value is not True)
        if not right or value is False:
            raise self.wrong(key, f"it is `{value}`", f"make it {_NOUNS[kind]}")
        return value

    def table(self, key: str) -> Table:
        """An inner table; an empty one where there is none."""
        return Table(self.source, self._name(key), self.take(key, dict, {}))

    def tables(self, key: str) -> Iterator[Table]:
        """The tables of a list of them."""
        for number, inner in enumerate(self.take(key, list, []), 1):
            place = f"{self._name(key)}[{number}]"
            if not isinstance(inner, dict):
                raise ConfigInvalid(f"policy `{self.source}`, key `{place}`: it is `{inner}`; write it as [[{key}]]")
            yield Table(self.source, place, inner)

    def children(self) -> Iterator[tuple[str, Table]]:
        """The tables inside, by name."""
        for key in self.content:
            yield key, self.table(key)

    def _name(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key


def read_words(table: Table, key: str, policy: Path) -> tuple[str, ...]:
    """The words of a file beside the policy, one a line; empty lines and those after ``#`` are passed over."""
    name = table.take(key, str, "")
    if not name:
        return ()
    try:
        lines = (policy.parent / name).read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise table.wrong(
            key, f"`{name}` cannot be read ({reason})", "name a file, relative to the policy's"
        ) from error
    return tuple(line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#"))
