"""The reference captioner: stock ``generate()`` of transformers, in static micro-batches.

Slow beside the engine, but it holds no clever step: what it answers is what the model says.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future

from transforms.captioner.api import CaptionerInfo, CaptionerOptions, CaptionRequest, Completion, Generation
from transforms.captioner.batching import BatchThread, Outcome, milliseconds_since, run_split
from transforms.captioner.checkpoint import load_checkpoint
from transforms.captioner.images import decode_rgb
from transforms.captioner.patches import patchify
from transforms.captioner.reference import Reference, Row


class HuggingFaceCaptioner:
    """Loads a checkpoint and answers on a thread of its own.

    Greedy requests share batches of at most ``slots`` rows; sampled rows run alone, so that a text depends on
    the picture, the prompt and the seed, never on its neighbours. Raises
    `transforms.errors.ModelUnavailable` when the checkpoint cannot be used.
    """

    def __init__(self, options: CaptionerOptions) -> None:
        checkpoint = load_checkpoint(options)
        self.info = CaptionerInfo(options.model, checkpoint.revision, options.slots)
        self._model = checkpoint.model
        self._chat = checkpoint.chat
        self._rule = checkpoint.rule
        self._stop_ids = checkpoint.stop_ids
        self._slots = options.slots
        self._reference = Reference(checkpoint)
        self._batches = BatchThread(self._answer, options.slots, "huggingface-captioner")

    def submit(self, request: CaptionRequest) -> Future[Generation]:
        """Queue a request; returns at once. Raises `RuntimeError` after `close`."""
        return self._batches.submit(request)

    def close(self) -> None:
        """Cancel what waits, stop what runs at its next token, and join the thread."""
        self._batches.close()

    def _answer(self, requests: Sequence[CaptionRequest], closing: threading.Event) -> Iterator[tuple[int, Outcome]]:
        start = time.monotonic()
        greedy: dict[int, list[Row]] = {}
        sampled: dict[int, list[Row]] = {}
        for place, request in enumerate(requests):
            try:
                rows = self._prepare(request)
            except Exception as error:
                yield place, error
            else:
                (greedy if request.sampling.greedy else sampled)[place] = rows
        together = [row for rows in greedy.values() for row in rows]
        answers = iter(self._run_all(together, self._slots, closing))
        for place, rows in greedy.items():
            yield place, _join([next(answers) for _ in rows], start)
        for place, rows in sampled.items():
            yield place, _join(self._run_all(rows, 1, closing), start)

    def _prepare(self, request: CaptionRequest) -> list[Row]:
        patches = patchify(decode_rgb(request.image), self._rule)
        return [self._reference.row(patches, prompt, request.sampling) for prompt in request.prompts]

    def _run_all(self, rows: Sequence[Row], at_once: int, closing: threading.Event) -> list[Completion | Exception]:
        answers: list[Completion | Exception] = []
        for first in range(0, len(rows), at_once):
            answers += run_split(lambda part: self._run(part, closing), rows[first : first + at_once])
        return answers

    def _run(self, rows: Sequence[Row], closing: threading.Event) -> list[Completion]:
        said = self._reference.generate(rows, closing)
        return [self._complete(row, tokens) for row, tokens in zip(rows, said, strict=True)]

    def _complete(self, row: Row, tokens: list[int]) -> Completion:
        is_ended = tokens[-1] in self._stop_ids
        return Completion(
            text=self._chat.decode(tokens[:-1] if is_ended else tokens),
            finish_reason="stop" if is_ended else "length",
            input_tokens=len(row.ids),
            output_tokens=len(tokens),
        )


def _join(answers: Sequence[Completion | Exception], start: float) -> Outcome:
    """Make one outcome of a request's rows: the first error, or the completions in the prompts' order."""
    completions = []
    for answer in answers:
        if isinstance(answer, Exception):
            return answer
        completions.append(answer)
    return Generation(tuple(completions), milliseconds_since(start))
