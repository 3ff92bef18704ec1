"""One look at one group: collects what is done, retries what was refused, serves or promotes who waits."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import CancelledError
from dataclasses import replace
from types import MappingProxyType

from transforms import tally
from transforms.answer import REJECTED, Failure, failed, fallback, judge, rejected
from transforms.errors import CaptionerBroken, CaptionFailed, JobError
from transforms.group import Case, Request
from transforms.metrics import count
from transforms.plan import Question
from transforms.review import Verdict
from transforms.review.answers import REFUSAL
from transforms.review.policy import SPANS, UNPARSABLE
from transforms.serving import Serving
from transforms.values import Candidate, Deletion, Task, Text


class Visit(Serving):
    """Serves arrivals, and settles what is done."""

    def settle(self, to_the_end: bool) -> None:
        """Collect finished requests and serve those who wait for them, until nothing more can be done now."""
        group, sent, changed = self.group, len(self.out), False
        while True:
            if to_the_end and group.requests:
                self.means.inflight.wait(group.requests[0].future)
            done = [request for request in group.requests if request.future.done()]
            for request in done:
                group.requests.remove(request)
                self._collect(request)
            if done or group.waiting is None:
                self._serve_waiting()
                changed = True
            if not done and not (to_the_end and group.requests):
                break
        if not changed:
            return
        if not group.requests:
            group.forget_deleted()
        if len(self.out) > sent:
            group.shrunk_in = self.store.bundle
        self.store.write(group.state())

    def _serve_waiting(self) -> None:
        if self.group.waiting == 0:
            return
        waiting = self.store.waiting()
        still = [candidate for candidate in waiting if not self._advance(candidate)]
        if len(still) != len(waiting):
            self.group.shrunk_in = self.store.bundle
            self.store.clear_waiting()
            for candidate in still:
                self.store.add_waiting(candidate)
        self.group.waiting = len(still)

    def _advance(self, candidate: Candidate) -> bool:
        """Serve one who waits; whether it need not wait in the bag any longer."""
        case = self.case(candidate)
        if case is None:
            return True
        owed = self.group.missing(case, self.means.rule)
        if not owed:
            self.finish(case)
            return True
        unasked = self.unasked(case, owed)
        if not unasked:
            return False
        if self._hopeless():
            streak = self.group.streak
            error = CaptionFailed(
                f"`{streak.failures}` copies of this picture failed before it; see their dead letters"
            )
            self._do_without(case, Failure(error, streak.cause), 0, {})
            return True
        count("promoted")
        self.submit(case, unasked)
        return True

    def _hopeless(self) -> bool:
        """Whether the picture is to blame; not when the captioner has answered nobody meanwhile."""
        streak = self.group.streak
        if streak.failures < self.means.options.max_failures:
            return False
        return streak.cause is None or self.means.inflight.outcomes.captions > streak.captions_before

    def _collect(self, request: Request) -> None:
        try:
            generation = request.future.result()
        except CancelledError as error:
            raise CaptionerBroken(
                f"the captioner was closed and owes a caption of `{request.case.candidate.upload.image_id}`; "
                "start the job again from its checkpoint"
            ) from error
        except JobError:  # not this picture's fault, nor any other's
            self.means.inflight.forget(request.request_id)
            raise
        except Exception as error:  # whatever a model may raise
            # Forgotten, so that a copy or a redriven upload asks again instead of getting the old error.
            self.means.inflight.forget(request.request_id)
            self._give_up(request, failed(error))
            return
        judged = judge(request, generation, self.means.policy, self.means.rule, self.means.inflight.captioner.info)
        count("generations")
        count("generation_ms", generation.milliseconds)
        tally.observe("generation_seconds", generation.milliseconds / 1000)
        count("texts_refused", len(judged.refusals))
        for refusal in judged.refusals:
            for rule in refusal.text.rules:
                tally.add("guard_blocks", 1, rule, refusal.text.language)
        for broken in judged.refused.values():
            count("answers_refused", REFUSAL in broken)
            count("answers_unparsable", UNPARSABLE in broken)
        count("texts_redacted", sum(text.verdict == Verdict.REDACTED for text in judged.accepted))
        count("tokens_in", sum(c.input_tokens for c in generation.completions))
        count("tokens_out", sum(c.output_tokens for c in generation.completions))
        request.refusals += judged.refusals
        for text in judged.accepted:
            self._add_text(request, text)
        attempts = request.attempt + 1
        if not judged.refused:
            self._succeed(request)
        elif attempts < self.means.policy.max_attempts:
            count("retries")
            self.submit(request.case, tuple(judged.refused), after=request)
        else:
            self._give_up(request, rejected(attempts, judged.refused), judged.refused)

    def _add_text(self, request: Request, text: Text) -> None:
        candidate = request.case.candidate
        self.group.add_text(text)
        if self.means.cache is not None and not self.group.is_deleted(candidate):
            question = next(asked for asked in request.questions if asked.reuse_key == text.reuse_key)
            self.means.cache.put(candidate.upload.merchant, question, replace(text, written=""))
        if candidate.deleted:  # its deletion came before it: the text goes as soon as nothing is owed
            upload = candidate.upload
            self.group.add_deletion(Deletion(candidate.record, upload.image_id, upload.merchant))

    def _succeed(self, request: Request) -> None:
        self.group.streak.failures = 0
        self.means.inflight.outcomes.add(None)
        self.out.extend(request.refusals)
        case = request.case
        if not self.group.missing(case, self.means.rule):
            self.finish(case)
            return
        # Another request has its other languages.
        self.store.add_waiting(case.candidate)
        if self.group.waiting is not None:
            self.group.waiting += 1

    def _give_up(
        self, request: Request, failure: Failure, refused: Mapping[Question, tuple[str, ...]] = MappingProxyType({})
    ) -> None:
        outcomes, streak = self.means.inflight.outcomes, self.group.streak
        unsampled = replace(request.case, is_sampled=False)
        if request.case.is_sampled and not self.group.missing(unsampled, self.means.rule):
            count("audit_failed")
            self.out.extend(request.refusals)
            self.withhold(request.case, told=self._texts(unsampled))
            self.finish(unsampled)
            return
        if not streak.failures:
            streak.captions_before = outcomes.captions
        streak.failures += 1
        streak.cause = failure.cause
        self.out.extend(request.refusals)
        self._do_without(request.case, failure, request.attempt + 1, refused)
        if failure.cause is not None and not self._is_of_picture(request.case.candidate.upload.task, refused):
            outcomes.add(failure.cause, failure.detail)

    def _is_of_picture(self, task: Task, refused: Mapping[Question, tuple[str, ...]]) -> bool:
        """Whether the answers say what must not be said, and break no rule besides: then the picture shows it.

        Or they refuse to moderate: what is sent to be moderated may be what a model will not speak of. A model that is
        broken babbles. One shop's pictures must not stop the job of all.
        """
        named = {"instruction", *SPANS, *(words.name for words in self.means.policy.classes)}
        if task is Task.MODERATE:
            named.add(REFUSAL)
        return bool(refused) and all(named.issuperset(rules) for rules in refused.values())

    def _do_without(
        self, case: Case, failure: Failure, attempt: int, refused: Mapping[Question, tuple[str, ...]]
    ) -> None:
        """Send what the policy has for an upload whose answers were all refused, else the dead letter."""
        means, made = self.means, []
        case = replace(case, is_sampled=False)
        for question in self.group.missing(case, means.rule) if failure.cause == REJECTED else ():
            veto, info = means.rule.veto_key(case.candidate.upload), means.inflight.captioner.info
            made.append(fallback(case, question, attempt, refused.get(question, ()), means.policy, veto, info))
        texts = tuple(text for text in made if text is not None)
        if not texts or len(texts) < len(made):
            self.withhold(case)
            self.fail(case.candidate, failure.error)
            return
        count("fallbacks", len(texts))
        self.finish(case, texts)
