"""Reads what lies in deploy/ and docs/deploying.md: YAML, Dockerfiles, and the command lines in them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
GUIDE = ROOT / "docs" / "deploying.md"
DOCKERFILES = sorted(DEPLOY.rglob("Dockerfile"))
MANIFESTS = sorted(DEPLOY.rglob("*.yaml"))


class Instruction(NamedTuple):
    """One instruction of a Dockerfile."""

    name: str
    text: str


class _UniqueKeys(yaml.SafeLoader):
    """YAML would let a second key of one name win in silence."""


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    names = [key.value for key, _ in node.value if key.value != "<<"]
    assert len(names) == len(set(names)), f"twice in one mapping: {names}"
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_UniqueKeys.add_constructor("tag:yaml.org,2002:map", _mapping)


def load(path: Path) -> Any:
    return yaml.load(path.read_text(), _UniqueKeys)  # noqa: S506 - a safe loader


def instructions(dockerfile: Path) -> list[Instruction]:
    text = re.sub(r"^\s*#.*\n", "", dockerfile.read_text(), flags=re.M)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [Instruction(*line.split(maxsplit=1)) for line in lines if line.strip()]


def mappings(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping inside."""
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from mappings(part)


def container_commands(path: Path) -> list[list[str]]:
    """What each container or service of a manifest starts, where that is one of ours."""
    found = []
    for part in mappings(load(path)):
        words = [word for name in ("entrypoint", "command", "args") for word in _words(part.get(name))]
        if "captionstream" in words:
            found.append(words[words.index("captionstream") :])
        found += [command for word in words for command in shell_commands(word)]
    return found


def shell_commands(text: str) -> list[list[str]]:
    """The `captionstream …` commands in a shell script or a page; a `$NAME` stays as it is."""
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = re.findall(r"(?:^|exec |\.venv/bin/)(captionstream (?:run|replay|redrive|demo)\b.*)$", joined.strip(), re.M)
    return [[word for word in shlex.split(line) if word != "$${resume[@]}"] for line in lines]


def images(path: Path) -> list[str]:
    """Images that a manifest or a Dockerfile names."""
    if path.suffix == ".yaml":
        return [part["image"] for part in mappings(load(path)) if isinstance(part.get("image"), str)]
    said = instructions(path)
    values = dict(one.text.split("=", 1) for one in said if one.name == "ARG")
    stages = {one.text.split()[-1] for one in said if one.name == "FROM" and " AS " in one.text}
    named = [one.text.split()[0] for one in said if one.name == "FROM"]
    named = [re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], name) for name in named]
    return [name for name in named if name not in stages]


def _words(said: Any) -> list[str]:
    return said if isinstance(said, list) else [said] if isinstance(said, str) else []
