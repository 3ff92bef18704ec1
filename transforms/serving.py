"""How one upload or deletion of a group is served: answered, submitted, or left to wait. No Beam."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from transforms import tally
from transforms.answer import answer_of, asked_of, caption_of, is_sampled, seed_of
from transforms.captioner.api import CaptionRequest
from transforms.dead_letter import dead_letter
from transforms.errors import InputError
from transforms.group import Case, Group, Request, Store
from transforms.ledger import LEDGER
from transforms.means import STAGE, Means, Output
from transforms.metrics import count
from transforms.plan import Question, event_id
from transforms.review import Asked, passes
from transforms.values import Candidate, Deletion, GroupState, KnownTexts, Refusal, Task, Text, Tombstone

REPLACED = "replaced"
"""The audit's rule for a text that was good, and whose image shows another picture by now."""
INCOMPLETE = "incomplete"
"""The same, where the upload has no text in another language: it is a dead letter, deleted, or, sampled, reuses all."""


class Serving:
    """Changes one group and its state; what is finished gathers in ``out``, in the order it must be sent.

    An exception leaves the group half changed: the caller must drop it, as the runner drops the state.
    """

    def __init__(self, means: Means, group: Group, store: Store) -> None:
        self.group = group
        self.out: list[Output] = []
        self.means = means
        self.store = store

    def resume(self, state: GroupState) -> None:
        """Submit again what the state says is pending; answers given to this process are still known."""
        for candidate in state.pending:
            self.serve(candidate)
        if self.group.state() != state:
            self.group.shrunk_in = self.store.bundle
            self.store.write(self.group.state())

    def serve(self, candidate: Candidate) -> None:
        """Answer an upload, submit it, or let it wait for a request that will answer it."""
        group = self.group
        if group.is_pending(candidate.record):
            self.store.write(group.state())  # the bundle that wrote it before may have failed
            return
        case = self.case(candidate)
        if case is None:
            return
        owed = group.missing(case, self.means.rule)
        if not owed and is_sampled(case, self.means.options.audit_share) and self._is_reusing(case):
            case = replace(case, is_sampled=True)
            owed = group.missing(case, self.means.rule)
        if not owed:
            self.finish(case)
            return
        unasked = self.unasked(case, owed)
        if unasked and self._find_elsewhere(case, unasked):
            self.store.write(group.state())
            owed = group.missing(case, self.means.rule)
            unasked = self.unasked(case, owed)
            if not owed:
                self.finish(case)
                return
        if unasked:
            self.submit(case, unasked)
            self.store.write(group.state())
            return
        count("waited")
        self.store.add_waiting(candidate)
        if group.waiting is not None:
            group.waiting += 1

    def delete(self, deletion: Deletion) -> None:
        """The tombstone goes out at once, and again after a caption of the image that is still owed."""
        count("deletions")
        mine = [text for text in self.group.texts if text.image_id == deletion.image_id]
        self.out.append(Tombstone(deletion.record, deletion.image_id, deletion.merchant))
        if self.means.cache is not None:
            self.means.cache.forget(deletion.merchant, mine)
        if mine:
            for case in self._owed_to(deletion.image_id):  # whose texts go now, and were in no record yet
                self.withhold(case)
        dropped = self.group.forget_texts_of(deletion.image_id)
        if self.group.requests:
            self.group.add_deletion(deletion)
        if dropped or self.group.requests:
            self.store.write(self.group.state())

    def _owed_to(self, image_id: str) -> Iterator[Case]:
        """What is pending of an image, and what waits."""
        for request in self.group.requests:
            if request.case.candidate.upload.image_id == image_id:
                yield request.case
        waiting = () if self.group.waiting == 0 else self.store.waiting()
        for candidate in waiting:
            if candidate.upload.image_id == image_id:
                with suppress(InputError):  # not served any more: its dead letter is sent when its turn comes
                    yield self._planned(candidate)

    def replace(self, deletion: Deletion) -> None:
        """What is still owed to earlier uploads of the image will not come out."""
        if self.group.requests:
            self.group.add_deletion(deletion)
            self.store.write(self.group.state())

    def case(self, candidate: Candidate) -> Case | None:
        """None when the prompt library does not serve it (any more): then it is a dead letter."""
        try:
            return self._planned(candidate)
        except InputError as error:
            self.fail(candidate, error)
            return None

    def _planned(self, candidate: Candidate) -> Case:
        questions = self.means.planner.plan(candidate.upload)
        return Case(candidate, questions, event_id(candidate.upload, candidate.picture.sha256, questions))

    def is_full(self) -> bool:
        """Whether no further duplicate may wait."""
        return (self.group.waiting or 0) >= self.means.options.max_waiting

    def has_stranded(self) -> bool:
        """Whether somebody may wait and nothing is pending: a restore found answers that the cache had meanwhile.

        Such a group has no timer, and its state does not say that anybody waits: it must be served now.
        """
        return self.group.waiting is None and not self.group.requests

    def unasked(self, case: Case, owed: tuple[Question, ...]) -> tuple[Question, ...]:
        """Those of the missing questions that no pending request answers."""
        rule = self.means.rule
        return tuple(q for q in owed if not self.group.is_asked(case, q, rule))

    def submit(self, case: Case, questions: tuple[Question, ...], after: Request | None = None) -> None:
        """Ask; ``after`` is the refused request that this one repeats."""
        attempt = 0 if after is None else after.attempt + 1
        sampling = self.means.options.sampling
        if attempt:
            sampling = replace(self.means.options.retry_sampling, seed=seed_of(case.event_id, attempt))
        asked = "".join(q.reuse_key for q in questions) + sampling.key()
        request = CaptionRequest(
            f"{case.event_id}/{hashlib.sha256(asked.encode()).hexdigest()[:16]}/{attempt}",
            case.candidate.picture.encoded,
            tuple(q.prompt for q in questions),
            sampling,
            case.candidate.upload.merchant,
        )
        future = self.means.inflight.submit(request)
        count("requests_submitted")
        refusals = () if after is None else after.refusals
        self.group.requests.append(Request(case, questions, attempt, sampling, request.request_id, future, refusals))

    def finish(self, case: Case, made: tuple[Text, ...] = ()) -> None:
        """Send the caption: all its texts are there. If its image shows another picture by now, to the audit only.

        ``made`` are fallbacks: they stand where the group has no text.
        """
        candidate = case.candidate
        texts = self._texts(case, made)
        if self.group.is_replaced(candidate):
            count("replaced")
            LEDGER.left_out(candidate.record)
            self.out.extend(_withheld(case, text, REPLACED) for text in texts)
            return
        unsampled = self._texts(replace(case, is_sampled=False)) if case.is_sampled and not made else texts
        others = (other for text, other in zip(texts, unsampled, strict=True) if other != text)
        caption = caption_of(case, texts, tuple(others))
        self.out.append(caption)
        count("captions")
        if all(caption.reused):
            count("captions_reused")
        else:
            tally.add("captions_generated")
        for flag in caption.flags:
            count(flag)
        if self.group.is_deleted(candidate):
            upload = candidate.upload
            self.out.append(Tombstone(candidate.record, upload.image_id, upload.merchant))

    def learn(self, known: KnownTexts) -> None:
        """Keep texts of an earlier job, if they are this job's model's and pass its review."""
        held = {(text.reuse_key, text.sha256) for text in self.group.texts}
        texts = (text for text in known.texts if (text.reuse_key, text.sha256) not in held)
        new = [text for text in texts if self._is_ours(text, known.task)]
        for text in new:
            self.group.add_text(text)
        if new:
            count("cache_learned", len(new))
            self.store.write(self.group.state())

    def _is_ours(self, text: Text, task: Task) -> bool:
        info, policy = self.means.inflight.captioner.info, self.means.policy
        if (text.model, text.model_revision, text.policy_version) != (info.model, info.revision, policy.version):
            count("cache_of_another_model")
            return False
        asked = Asked(text.language, task.value, finish_reason=text.finish_reason)
        if not passes(answer_of(text), asked, policy):
            count("cache_refused")
            return False
        return True

    def _find_elsewhere(self, case: Case, questions: tuple[Question, ...]) -> bool:
        """Take what other jobs said of the same bytes, if it passes this job's review; whether there was any."""
        cache, candidate = self.means.cache, case.candidate
        if cache is None or candidate.deleted:
            return False
        found = cache.get(candidate.upload.merchant, candidate.picture.sha256, questions)
        by_key = {question.reuse_key: question for question in questions}
        asked = (asked_of(by_key[text.reuse_key], candidate.upload.task, text.finish_reason) for text in found)
        policy = self.means.policy
        passed = [text for text, one in zip(found, asked, strict=True) if passes(answer_of(text), one, policy)]
        for text in passed:
            self.group.add_text(text)
        return bool(passed)

    def _is_reusing(self, case: Case) -> bool:
        """Whether a text it would get was written for other bytes: for equal ones there is nothing to find out."""
        return any(text.sha256 != case.candidate.picture.sha256 for text in self._texts(case))

    def _texts(self, case: Case, made: tuple[Text, ...] = ()) -> tuple[Text, ...]:
        by_key = {text.reuse_key: text for text in made}
        rule = self.means.rule
        found = (
            self.group.text_for(case, question, rule) or by_key.get(question.reuse_key) for question in case.questions
        )
        return tuple(text for text in found if text is not None)

    def withhold(self, case: Case, told: tuple[Text, ...] = ()) -> None:
        """Send to the audit what the model said for an upload that is not to have it: no answer goes without.

        Those ``told`` are in its caption.
        """
        candidate = case.candidate
        whose = candidate.upload.image_id, candidate.picture.sha256
        mine = (text for text in self._texts(case) if (text.image_id, text.sha256) == whose and text not in told)
        self.out.extend(_withheld(case, text, INCOMPLETE) for text in mine)

    def fail(self, candidate: Candidate, error: InputError) -> None:
        """Send the dead letter."""
        self.out.append(dead_letter(candidate.record, STAGE, error))


def _withheld(case: Case, text: Text, rule: str) -> Refusal:
    candidate = case.candidate
    kept_back = replace(text, rules=(rule,))
    return Refusal(case.event_id, candidate.record, candidate.upload, candidate.picture, kept_back)
