"""Packs rows of the index into `IndexChunk` for state, and reads them back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from transforms.index.leaders import LEADER as LEADER_ROW
from transforms.index.leaders import Leaders
from transforms.index.showings import LEADER, SHOWING, WITHDRAWN, Showings
from transforms.similarity import SimilarityRule
from transforms.values import IndexChunk

CHUNK_ROWS = 1024
"""Rows packed at once; so many single entries lie beside the chunks at most."""


def pack(
    sequence: int, start: int, stop: int, showings: Showings, leaders: Leaders, names: tuple[str, ...], forgot: bool
) -> IndexChunk:
    """The rows ``start`` to ``stop`` and the leaders they founded."""
    rows = showings.records[start:stop].copy()
    used, rows["place"] = np.unique(rows["place"], return_inverse=True)
    founded = showings.leads[start:stop]
    founded = founded[founded >= 0]
    return IndexChunk(
        sequence,
        rows.tobytes(),
        leaders.records[founded].tobytes(),
        leaders.veto[founded].tobytes(),
        names,
        tuple("/".join(map(str, showings.places[place])) for place in used),
        forgot,
    )


def unpack(rule: SimilarityRule, chunks: Iterable[IndexChunk]) -> tuple[Showings, Leaders]:
    """All rows of the chunks, in the order they were packed. Deletions among them are not applied yet.

    Raises ValueError when a chunk's columns do not belong together.
    """
    places: dict[tuple[str, int], int] = {}
    showings, leaders, vetoes = [np.empty(0, SHOWING)], [np.empty(0, LEADER_ROW)], []
    for chunk in sorted(chunks, key=lambda chunk: chunk.sequence):
        rows = np.frombuffer(chunk.showings, SHOWING).copy()
        held = np.frombuffer(chunk.leaders, LEADER_ROW)
        if int(((rows["kind"] == LEADER) | (rows["kind"] == WITHDRAWN)).sum()) != len(held):
            raise ValueError(f"chunk `{chunk.sequence}` of the duplicate index is damaged; start without its state")
        numbers = [places.setdefault(_place(text), len(places)) for text in chunk.places]
        rows["place"] = np.array(numbers, np.uint32)[rows["place"]]
        showings.append(rows)
        leaders.append(held)
        vetoes.append(_veto_columns(chunk, len(held), rule.veto_attributes))
    veto = np.concatenate((np.zeros((0, len(rule.veto_attributes)), np.uint64), *vetoes))
    return Showings(np.concatenate(showings), places), Leaders(rule, np.concatenate(leaders), veto)


def _veto_columns(chunk: IndexChunk, count: int, names: Sequence[str]) -> NDArray[np.uint64]:
    """The columns of today's veto attributes; one that the chunk's writer did not look at forbids nothing."""
    written = np.frombuffer(chunk.veto, "<u8").reshape(count, len(chunk.veto_names))
    columns = np.zeros((count, len(names)), np.uint64)
    for number, name in enumerate(names):
        if name in chunk.veto_names:
            columns[:, number] = written[:, chunk.veto_names.index(name)]
    return columns


def _place(text: str) -> tuple[str, int]:
    topic, _, partition = text.rpartition("/")
    return topic, int(partition)
