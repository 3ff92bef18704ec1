"""The guard: a policy compiled once, and what it says of a text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from transforms.review import contacts, phrases
from transforms.review.by_task import without_answers
from transforms.review.echo import echoes
from transforms.review.language import is_wide, speaks
from transforms.review.lookalikes import Lookalikes
from transforms.review.policy import ALLOW, ANY, EVERY_LIST, REDACT, REJECT, ReviewPolicy
from transforms.review.repetition import has_run, repeats
from transforms.review.spans import Span, merged, redact
from transforms.review.words import Words
from transforms.values import ModerationVerdict

_LOOKED_AT = 4000
"""Characters: of a text that is too long anyway no more is searched."""


class Verdict(StrEnum):
    """What becomes of a text; the names of the records' enum."""

    PASSED = "PASSED"
    REDACTED = "REDACTED"
    FALLBACK = "FALLBACK"
    """Not the model's: made from the upload's attributes when all answers were rejected."""
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a text answers."""

    language: str
    task: str = ANY
    prompt: str = ""
    """All that the model was told, its system turn included; empty: nobody knows, and no echo is looked for."""
    finish_reason: str = "stop"
    is_aside: bool = False
    """It stands beside the text proper (an alternative text, keywords): the limits of its length are not its."""
    judged: ModerationVerdict | None = None
    """What the answer says of the picture, where that was asked."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """The guard's word."""

    verdict: Verdict
    rules: tuple[str, ...]
    """Names of those that hit, in a fixed order."""
    text: str
    """What may be published: the stripped text, or what redaction left of it."""


def review(text: str, asked: Asked, policy: ReviewPolicy) -> Ruling:
    """Judge one text. Never raises."""
    return _compiled(policy).review(text, asked)


@lru_cache(maxsize=8)
def _compiled(policy: ReviewPolicy) -> Guard:
    return Guard(policy)


class Guard:
    """A compiled policy; thread-safe."""

    def __init__(self, policy: ReviewPolicy) -> None:
        """Word lists with the action ``allow`` are left out, unless a task has another."""
        self._policy = policy
        self._actions = policy.every_action()
        self._by_task = {(task, rule): action for task, rule, action in policy.task_actions}
        asked_for = {rule for (_, rule), action in self._by_task.items() if action != ALLOW}
        is_used = {one.name for one in policy.classes if asked_for & {one.name, EVERY_LIST} or one.action != ALLOW}
        used = [one for one in policy.classes if one.name in is_used]
        self._words = Words(used, policy.allowed)
        self._lookalikes = Lookalikes(policy.lookalikes)
        self._length = lru_cache(maxsize=256)(policy.length)
        self._order = {one.name: place for place, one in enumerate(used)}
        self._wordless = {
            task for task, _ in self._by_task if all(self._action(rule, task) == ALLOW for rule in self._order)
        }
        """Tasks in which no word of a list does anything: they are not looked for."""

    def review(self, text: str, asked: Asked) -> Ruling:
        """Judge a text; what redaction leaves is judged again, so that it can pass for itself."""
        text = text.strip()
        rejecting, spans = self._hits(text, asked)
        if rejecting:
            return Ruling(Verdict.REJECTED, tuple(rejecting), text)
        if not spans:
            return Ruling(Verdict.PASSED, (), text)
        rules = self._names(spans)
        lost = sum(end - start for start, end in merged(spans))
        left = redact(text, spans, self._policy.mark).strip()
        if lost > self._policy.max_redacted_share * len(text) or any(self._hits(left, asked)):
            return Ruling(Verdict.REJECTED, rules, text)
        return Ruling(Verdict.REDACTED, rules, left)

    def _hits(self, text: str, asked: Asked) -> tuple[list[str], list[Span]]:
        """Names of the rules that reject, and the places to redact."""
        seen = self._lookalikes.read(text[:_LOOKED_AT])
        rules = [rule for rule in self._whole(text, seen, asked) if self._action(rule, asked.task) == REJECT]
        spans = contacts.find(seen)
        if asked.task not in self._wordless:
            spans += self._words.find(seen)
        rejecting = [span for span in spans if self._action(span.rule, asked.task) == REJECT]
        return [*rules, *self._names(rejecting)], [
            span for span in spans if self._action(span.rule, asked.task) == REDACT
        ]

    def _whole(self, text: str, seen: str, asked: Asked) -> list[str]:
        """The rules that judge a text as a whole and hit, the cheap ones first; ``seen`` is how its start looks."""
        policy, wide = self._policy, is_wide(asked.language)
        limits, start = self._length(asked.task, asked.language), text[:_LOOKED_AT]
        if asked.is_aside:
            limits = None
        checks = (
            ("too_short", limits is not None and len(text) < limits.min),
            ("too_long", (limits is not None and len(text) > limits.max) or len(text) > _LOOKED_AT),
            ("truncated", asked.finish_reason == "length"),
            ("one_character", has_run(start, policy.max_run)),
            ("repetition", repeats(start, wide, policy.max_repeated_share)),
            *((rule, True) for rule in phrases.find(without_answers(seen, asked.task, asked.judged))),
            ("prompt_echo", bool(asked.prompt) and echoes(seen, asked.prompt, wide)),
            ("wrong_language", not speaks(start, asked.language)),
        )
        return [rule for rule, hit in checks if hit]

    def _action(self, rule: str, task: str) -> str:
        of_task = self._by_task.get((task, rule))
        if of_task is None and rule in self._order:
            of_task = self._by_task.get((task, EVERY_LIST))
        return of_task or self._actions[rule]

    def _names(self, spans: list[Span]) -> tuple[str, ...]:
        """Rules of code first, then the lists in the policy's order."""
        return tuple(sorted({span.rule for span in spans}, key=lambda rule: (self._order.get(rule, -1), rule)))
