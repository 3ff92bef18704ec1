"""Applies a stage to a collection, with a type, and so an Avro coder, on every output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import apache_beam as beam

from transforms.stage import DEAD_LETTERS, Stage
from transforms.values import DeadLetter


def typed(collection: Any, name: str, dofn: beam.DoFn, main: Any, tagged: Mapping[str, Any]) -> tuple[Any, ...]:
    """Apply a DoFn; returns the main output and then the tagged ones, in the mapping's order."""
    outputs = collection | name >> beam.ParDo(dofn).with_output_types(main).with_outputs(*tagged, main="main")
    for tag, hint in tagged.items():
        outputs[tag].element_type = hint
    return (outputs["main"], *(outputs[tag] for tag in tagged))


def stage(
    collection: Any,
    name: str,
    work: Callable[[Any], Any],
    main: Any,
    tags: Mapping[type, str] | None = None,
    kind: type[Stage] = Stage,
) -> tuple[Any, ...]:
    """Apply plain work; returns main output, outputs of ``tags``, dead letters."""
    tagged = {tag: hint for hint, tag in (tags or {}).items()} | {DEAD_LETTERS: DeadLetter}
    return typed(collection, name, kind(name, work, tags), main, tagged)
