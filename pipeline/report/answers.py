"""What the audit topic says of a window: every answer of the model, and every text used again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pipeline.report.busy import Busy
from pipeline.report.gpu import GpuTime
from pipeline.report.seen import Seen
from pipeline.report.spread import Spread
from pipeline.report.tally import Tally
from transforms.decode import milliseconds


@dataclass(slots=True)
class AnswerFigures:
    """Figures of audit records, each audit id once."""

    answers: int = 0
    """Texts that the model wrote, refused ones included."""
    reused: int = 0
    """Texts used again."""
    repeats: int = 0
    input_tokens: int = 0
    """Of the answers, as the model counts them: a picture that is asked for two languages counts twice."""
    output_tokens: int = 0
    saved_input_tokens: int = 0
    saved_output_tokens: int = 0
    requests: int = 0
    request_ms: int = 0
    saved_ms: int = 0
    verdicts: Tally = field(default_factory=Tally)
    """Of the answers, and of fallbacks, which are no answers."""
    rules: dict[str, Counter[str]] = field(default_factory=dict)
    """Verdicts by rule that hit."""
    attempts: Counter[int] = field(default_factory=Counter)
    """Answers by their number, 0 for the first."""
    cut: int = 0
    """Answers that ended at the limit of tokens."""
    policies: Tally = field(default_factory=Tally)
    generation: Spread = field(default_factory=Spread)
    """Milliseconds of a request."""
    _busy: Busy = field(default_factory=Busy)
    _seen: Seen = field(default_factory=Seen)
    _requests: Seen = field(default_factory=Seen)

    def add(self, value: dict[str, Any]) -> bool:
        """Count a decoded audit record; whether its audit id is new."""
        if not self._seen.add(value["audit_id"]):
            self.repeats += 1
            return False
        lasted, tokens = value["generation_ms"], (value["input_tokens"], value["output_tokens"])
        # The languages of one request have its milliseconds each: they count once.
        is_new = self._requests.add(value["event_id"], value["origin"], str(value["attempt"]), str(lasted))
        if value["origin"] == "REUSED":
            self.reused += 1
            self.saved_input_tokens += tokens[0]
            self.saved_output_tokens += tokens[1]
            self.saved_ms += lasted if is_new else 0
            return True
        self._judged(value)
        if value["verdict"] == "FALLBACK":
            return True
        self.answers += 1
        self.input_tokens += tokens[0]
        self.output_tokens += tokens[1]
        self.attempts[value["attempt"]] += 1
        self.cut += value["finish_reason"] == "length"
        if is_new:
            self.requests += 1
            self.request_ms += lasted
            self.generation.add(lasted)
            answered = milliseconds(value["answered_at"])
            self._busy.add(answered - lasted, answered)
        return True

    def gpu(self, gpus: int) -> GpuTime:
        """The times of ``gpus`` cards."""
        return GpuTime(self.requests, self.request_ms, self._busy.milliseconds(), self.saved_ms, gpus)

    def _judged(self, value: dict[str, Any]) -> None:
        self.verdicts.add(value["verdict"])
        self.policies.add(value["policy_version"])
        for rule in value["rules"]:
            if rule in self.rules or len(self.rules) < 1000:
                self.rules.setdefault(rule, Counter())[value["verdict"]] += 1
