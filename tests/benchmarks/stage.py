"""What the caption stage itself costs: uploads a second of CPU through its code, with a captioner that answers at once.

    python -m tests.benchmarks.stage [--uploads 5000] [--bytes 50000] [--copies 0.3]

The desk of Caption image with prompts, review and the state as bytes, as a runner keeps it; no Beam. Each upload
asks for Chinese and English; a share of them are near-copies.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from concurrent.futures import Future
from typing import Any

from tests.data.samples import assignment, candidate, fingerprint
from transforms.captioner.api import CaptionerInfo, CaptionRequest, Completion, Generation
from transforms.captioner.prompts import Library
from transforms.coders import AvroCoder
from transforms.desk import Desk, DeskOptions
from transforms.inflight import Inflight
from transforms.plan import Planner
from transforms.review import load_policy
from transforms.similarity import SimilarityRule
from transforms.values import Candidate, GroupState, Role

_STATE, _WAITING = AvroCoder(GroupState), AvroCoder(Candidate)


_TEXTS = {
    "zh-Hans": "这是一张清晰的商品图片,一件浅色的棉质衬衫平铺在木桌上,编号是 {number}。",
    "en": "A clear product photo of a light cotton shirt, laid flat on a wooden table, number {number}.",
}


class Instant:
    """Answers before it is asked, and costs next to nothing: it is not what is measured."""

    info = CaptionerInfo("instant", "1", 64)

    def submit(self, request: CaptionRequest) -> Future[Generation]:
        """A settled future."""
        future: Future[Generation] = Future()
        number = int.from_bytes(request.image[:4], "big")
        texts = (_TEXTS[prompt.language].format(number=number) for prompt in request.prompts)
        future.set_result(Generation(tuple(Completion(text, "stop", 90, 20) for text in texts), 1))
        return future

    def close(self) -> None:
        """Nothing is open."""


class Store:
    """One group's state as bytes."""

    def __init__(self) -> None:
        self.bundle = object()
        self._cell: bytes | None = None
        self._bag: list[bytes] = []

    def read(self) -> GroupState:
        """Decode the cell."""
        return GroupState() if self._cell is None else _STATE.decode(self._cell)

    def write(self, state: GroupState) -> None:
        """Encode it."""
        self._cell = _STATE.encode(state)

    def waiting(self) -> list[Candidate]:
        """Decode the bag."""
        return [_WAITING.decode(one) for one in self._bag]

    def add_waiting(self, one: Candidate) -> None:
        """Encode one more."""
        self._bag.append(_WAITING.encode(one))

    def clear_waiting(self) -> None:
        """Empty it."""
        self._bag.clear()


def measure(uploads: int, size: int, copies: float) -> dict[str, Any]:
    """Run once."""
    dice = random.Random(1)
    inflight, policy = Inflight(Instant()), load_policy()
    planner = Planner(Library.load("default"), Instant.info, DeskOptions().sampling, policy.version)
    desk = Desk(planner, inflight, SimilarityRule(), policy, DeskOptions())
    asked: list[tuple[int, Candidate, Role]] = []
    groups = 0
    for number in range(uploads):
        is_copy = groups > 0 and dice.random() < copies
        group = dice.randrange(groups) if is_copy else groups
        groups += not is_copy
        content = number.to_bytes(4, "big") + bytes(size - 4)
        mark = fingerprint(0b11 * is_copy)
        one = candidate(f"i{number}", content, mark, number, languages=("zh-Hans", "en"))
        asked.append((group, one, Role.MEMBER if is_copy else Role.NEW_LEADER))
    stores = [Store() for _ in range(groups)]
    made = 0
    begun = time.process_time()
    for group, one, role in asked:
        out, pending = desk.arrive(assignment(one, f"g{group}", role), stores[group])
        made += len(out)
        if pending:
            made += len(desk.poll(f"g{group}", stores[group], 0.0)[0])
    spent = time.process_time() - begun
    if made != uploads:
        raise SystemExit(f"{made} captions for {uploads} uploads")
    return {"uploads": uploads, "bytes": size, "copies": copies, "uploads_per_cpu_second": round(uploads / spent)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The caption stage without a model")
    parser.add_argument("--uploads", type=int, default=5000)
    parser.add_argument("--bytes", type=int, default=50_000)
    parser.add_argument("--copies", type=float, default=0.3)
    options = parser.parse_args()
    print(json.dumps(measure(options.uploads, options.bytes, options.copies)))
