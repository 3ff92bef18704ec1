"""A request on its way through the engine: its jobs go out, their answers come together again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from transforms.captioner.api import CaptionRequest, Completion, Generation
from transforms.captioner.batching import milliseconds_since
from transforms.captioner.engine.jobs import Answer, Job
from transforms.captioner.promise import Promise

Part = tuple[Job, tuple[int, ...]]
"""A job, and the places of its prompts in the request."""


@dataclass(slots=True, eq=False)
class Asked:
    """Settles its future with the last of its jobs."""

    request: CaptionRequest
    future: Promise = field(default_factory=Promise)
    jobs: list[Job] = field(default_factory=list)
    _completions: dict[int, Completion] = field(default_factory=dict)

    def take(self, job: Job, places: Sequence[int], decode: Callable[[Sequence[int]], str]) -> None:
        """The answers of one of its jobs."""
        for place, answer in zip(places, job.answers, strict=True):
            self._completions[place] = _completion(answer, decode)
        if len(self._completions) == len(self.request.prompts):
            answers = tuple(self._completions[place] for place in range(len(self.request.prompts)))
            begun = min(job.begun_at for job in self.jobs)
            self.future.settle(Generation(answers, milliseconds_since(begun)))


def _completion(answer: Answer, decode: Callable[[Sequence[int]], str]) -> Completion:
    said = answer.tokens[:-1] if answer.is_ended else answer.tokens
    chances = answer.chances
    return Completion(
        text=decode(said),
        finish_reason="stop" if answer.is_ended else "length",
        input_tokens=answer.prompt,
        output_tokens=len(answer.tokens),
        mean_logprob=sum(chances) / len(chances) if chances else None,
    )
