"""The caption desk: submits, collects, reuses, retries and promotes, one group at a time. No Beam.

``arrive`` is called for every assignment, ``poll`` by the timers until it says that nothing is pending. Neither
waits for a generation, except for room: in the captioner (`Inflight.submit`) and in a full list of waiters.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from transforms.captioner.api import CaptionRequest, Completion, Generation, Sampling
from transforms.dead_letter import dead_letter
from transforms.errors import CaptionFailed, CaptionRejected, InputError
from transforms.fingerprint import colour_distance, hash_distance
from transforms.group import Group, Request, Store, missing
from transforms.inflight import Inflight
from transforms.metrics import count
from transforms.plan import Planner, Question, event_id
from transforms.review import ReviewPolicy, review
from transforms.similarity import SimilarityRule
from transforms.values import (
    Assignment,
    Candidate,
    Caption,
    DeadLetter,
    Deletion,
    Refusal,
    Role,
    Text,
    Tombstone,
)

STAGE = "Caption image"
Output = Caption | Tombstone | Refusal | DeadLetter


@dataclass(frozen=True, slots=True)
class DeskOptions:
    """How the caption stage asks and waits."""

    sampling: Sampling = Sampling()
    retry_sampling: Sampling = Sampling(temperature=0.7, top_p=0.9)
    """A refused greedy answer would come out the same again, so retries sample; the seed comes from the event."""
    max_waiting: int = 64
    """Duplicates that wait for one leader; the next one waits inside the stage until the leader is done."""
    max_failures: int = 3
    """Uploads of a group that may fail in a row before those that wait fail with them."""
    distrust_seconds: float = 5.0
    """A group this process has not touched for so long may have lived elsewhere: its state is read again."""


class Desk:
    """One per process and job; a runner serialises the calls for one leader id."""

    def __init__(
        self,
        planner: Planner,
        inflight: Inflight,
        rule: SimilarityRule,
        policy: ReviewPolicy,
        options: DeskOptions,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """All parts are shared by the DoFn instances of the process."""
        self._planner = planner
        self._inflight = inflight
        self._rule = rule
        self._policy = policy
        self._options = options
        self._clock = clock
        self._groups: dict[str, Group] = {}
        self._lock = threading.Lock()

    def distrust(self) -> None:
        """Forget the groups: after a restore the state may be older than they are. Futures are kept."""
        with self._lock:
            self._groups.clear()

    def arrive(self, assignment: Assignment, store: Store) -> tuple[list[Output], bool]:
        """Serve one assignment. Returns what is finished, and whether something of the group is pending."""
        out: list[Output] = []
        fresh = assignment.role is Role.NEW_LEADER  # its cell is empty: no need to read it
        group = Group() if fresh else self._group(assignment.leader_id, store, out)
        arrival = assignment.arrival
        if arrival.deletion is not None:
            self._delete(group, arrival.deletion, store, out)
        elif arrival.candidate is not None:
            self._serve(group, arrival.candidate, store, out)
        return out, self._keep(assignment.leader_id, group)

    def poll(self, leader_id: str, store: Store, wait: float | None) -> tuple[list[Output], bool]:
        """Collect what is done, waiting at most ``wait`` seconds for the first one (None: for all of it)."""
        out: list[Output] = []
        group = self._group(leader_id, store, out)
        if wait and group.requests:
            self._inflight.wait(group.requests[0].future, wait)
        self._settle(group, store, out, to_the_end=wait is None)
        return out, self._keep(leader_id, group)

    # ------------------------------------------------------------------ the process's copy

    def _group(self, leader_id: str, store: Store, out: list[Output]) -> Group:
        with self._lock:
            group = self._groups.get(leader_id)
        if group is not None and self._clock() - group.touched <= self._options.distrust_seconds:
            return group
        state = store.read()
        # Nobody waits where nothing is pending, so the bag need not be read then.
        group = Group(list(state.texts), [], list(state.deletions), None if state.pending else 0)
        for candidate in state.pending:
            count("resubmitted")
            self._serve(group, candidate, store, out)
        return group

    def _keep(self, leader_id: str, group: Group) -> bool:
        group.touched = self._clock()
        pending = bool(group.requests)
        with self._lock:
            if pending:
                self._groups[leader_id] = group
            else:
                self._groups.pop(leader_id, None)
        return pending

    # ------------------------------------------------------------------ arrivals

    def _questions(self, candidate: Candidate) -> tuple[Question, ...]:
        return self._planner.plan(candidate.upload)

    def _serve(self, group: Group, candidate: Candidate, store: Store, out: list[Output]) -> None:
        questions = self._questions(candidate)
        owed = missing(group, candidate, questions, self._rule)
        if not owed:
            self._finish(group, candidate, questions, out)
            return
        unasked = tuple(q for q in owed if not group.is_asked(candidate, q, self._rule))
        if unasked:
            self._submit(group, candidate, unasked)
            store.write(group.state())
            return
        count("waited")
        store.add_waiting(candidate)
        if group.waiting is not None:
            group.waiting += 1
            if group.waiting >= self._options.max_waiting:
                self._settle(group, store, out, to_the_end=True)

    def _delete(self, group: Group, deletion: Deletion, store: Store, out: list[Output]) -> None:
        """The tombstone goes out at once, and again after a caption of the image that is still owed."""
        count("deletions")
        out.append(Tombstone(deletion.record, deletion.image_id))
        before = group.state()
        group.texts = [text for text in group.texts if text.image_id != deletion.image_id]
        if group.requests:
            group.deletions.append(deletion)
        if group.state() != before:
            store.write(group.state())

    def _submit(
        self,
        group: Group,
        candidate: Candidate,
        questions: tuple[Question, ...],
        attempt: int = 0,
    ) -> None:
        identity = event_id(candidate.upload, candidate.picture.sha256, self._questions(candidate))
        sampling = self._options.sampling
        if attempt:
            sampling = replace(self._options.retry_sampling, seed=seed_of(identity, attempt))
        asked = hashlib.sha256("".join(q.reuse_key for q in questions).encode()).hexdigest()[:16]
        request = CaptionRequest(
            f"{identity}/{asked}/{attempt}",
            candidate.picture.encoded,
            tuple(q.prompt for q in questions),
            sampling,
            candidate.upload.merchant,
        )
        future = self._inflight.submit(request)
        count("requests_submitted")
        group.requests.append(Request(candidate, identity, questions, attempt, sampling, future))

    # ------------------------------------------------------------------ results

    def _settle(self, group: Group, store: Store, out: list[Output], to_the_end: bool) -> None:
        """Collect finished requests and serve those who wait for them, until nothing more can be done now."""
        changed = False
        while True:
            if to_the_end and group.requests:
                self._inflight.wait(group.requests[0].future)
            done = [request for request in group.requests if request.future.done()]
            for request in done:
                group.requests.remove(request)
                self._collect(group, request, store, out)
            if done or group.waiting is None:
                self._serve_waiting(group, store, out)
                changed = True
            if not done and not (to_the_end and group.requests):
                break
        if not changed:
            return
        if not group.requests:
            group.forget_deleted()
        store.write(group.state())

    def _serve_waiting(self, group: Group, store: Store, out: list[Output]) -> None:
        if group.waiting == 0:
            return
        waiting = store.waiting()
        still: list[Candidate] = []
        for candidate in waiting:
            questions = self._questions(candidate)
            owed = missing(group, candidate, questions, self._rule)
            unasked = tuple(q for q in owed if not group.is_asked(candidate, q, self._rule))
            if not owed:
                self._finish(group, candidate, questions, out)
            elif not unasked:
                still.append(candidate)
            elif group.failures < self._options.max_failures:
                count("promoted")
                self._submit(group, candidate, unasked)
            else:
                error = CaptionFailed(
                    f"`{group.failures}` copies of this picture failed before it; see their dead letters"
                )
                self._fail(candidate, error, out, cause=None)
        if len(still) != len(waiting):
            store.clear_waiting()
            for candidate in still:
                store.add_waiting(candidate)
        group.waiting = len(still)

    def _collect(self, group: Group, request: Request, store: Store, out: list[Output]) -> None:
        try:
            generation = request.future.result()
        except InputError as error:
            group.failures += 1
            self._fail(request.candidate, error, out, cause=None)
            return
        except BaseException as error:  # whatever a model may raise, or a cancelled future
            kind = type(error).__name__
            group.failures += 1
            wrapped = CaptionFailed(f"the captioner failed with `{kind}`; redrive it when the captioner is well")
            wrapped.__cause__ = error
            self._fail(request.candidate, wrapped, out, cause=f"caption_failed `{kind}: {str(error)[:200]}`")
            return
        refused = self._review(group, request, generation, out)
        if not refused:
            group.failures = 0
            self._inflight.outcomes.add(None)
            questions = self._questions(request.candidate)
            if not missing(group, request.candidate, questions, self._rule):
                self._finish(group, request.candidate, questions, out)
            else:  # another request has its other languages
                store.add_waiting(request.candidate)
                group.waiting = None if group.waiting is None else group.waiting + 1
        elif request.attempt + 1 < self._policy.max_attempts:
            count("retries")
            self._submit(group, request.candidate, tuple(refused), request.attempt + 1)
        else:
            group.failures += 1
            rules = ", ".join(f"{q.prompt.language}: {'+'.join(rules)}" for q, rules in refused.items())
            error = CaptionRejected(
                f"`{request.attempt + 1}` answers were refused by the review (`{rules}`); "
                "see the audit topic, mend the prompt or the policy and redrive it"
            )
            self._fail(request.candidate, error, out, cause=f"caption_rejected `{rules}`")

    def _review(
        self, group: Group, request: Request, generation: Generation, out: list[Output]
    ) -> dict[Question, tuple[str, ...]]:
        """Keep what passes; the refused questions with the rules they broke."""
        refused: dict[Question, tuple[str, ...]] = {}
        candidate = request.candidate
        count("generations")
        for question, completion in zip(request.questions, generation.completions, strict=True):
            rules = review(completion.text, question.prompt.language, self._policy)
            text = self._text(request, question, completion, generation.milliseconds, rules)
            count("tokens_in", completion.input_tokens)
            count("tokens_out", completion.output_tokens)
            if rules:
                refused[question] = rules
                count("texts_refused")
                out.append(
                    Refusal(request.event_id, candidate.record, candidate.upload, candidate.picture, text)
                )
            else:
                group.add_text(text)
        return refused

    def _text(
        self,
        request: Request,
        question: Question,
        completion: Completion,
        milliseconds: int,
        rules: tuple[str, ...],
    ) -> Text:
        candidate, prompt, sampling = request.candidate, question.prompt, request.sampling
        info = self._inflight.captioner.info
        return Text(
            reuse_key=question.reuse_key,
            language=prompt.language,
            caption=completion.text.strip(),
            finish_reason=completion.finish_reason,
            prompt_id=prompt.prompt_id,
            prompt_version=prompt.prompt_version,
            prompt_sha256=prompt.digest(),
            input_tokens=completion.input_tokens,
            output_tokens=completion.output_tokens,
            generation_ms=milliseconds,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            attempt=request.attempt,
            seed=None if sampling.greedy else sampling.seed,
            rules=rules,
            policy_version=self._policy.version,
            model=info.model,
            model_revision=info.revision,
            image_id=candidate.upload.image_id,
            sha256=candidate.picture.sha256,
            fingerprint=candidate.fingerprint,
        )

    def _finish(
        self, group: Group, candidate: Candidate, questions: tuple[Question, ...], out: list[Output]
    ) -> None:
        texts = tuple(text for q in questions if (text := group.text_for(candidate, q, self._rule)))
        out.append(caption_of(candidate, questions, texts))
        count("captions")
        if group.is_deleted(candidate):
            out.append(Tombstone(candidate.record, candidate.upload.image_id))

    def _fail(self, candidate: Candidate, error: InputError, out: list[Output], cause: str | None) -> None:
        out.append(dead_letter(candidate.record, STAGE, error))
        if cause is not None:
            self._inflight.outcomes.add(cause)


def seed_of(identity: str, attempt: int) -> int:
    """Seed of a retry, 31 bits: the same upload's retries are repeatable and differ from each other."""
    return int.from_bytes(hashlib.sha256(f"{identity}/{attempt}".encode()).digest()[:4], "big") >> 1


def caption_of(candidate: Candidate, questions: tuple[Question, ...], texts: tuple[Text, ...]) -> Caption:
    """The caption record: a text is reused when the model saw another upload's picture for it."""
    upload, picture = candidate.upload, candidate.picture
    reused = tuple((text.image_id, text.sha256) != (upload.image_id, picture.sha256) for text in texts)
    others = [text for text, flag in zip(texts, reused, strict=True) if flag]
    # Of several sources the farthest is named: the record must not look better than it is.
    source = max(others, key=lambda text: _distance(candidate, text), default=None)
    distance = None if source is None else _distance(candidate, source)
    return Caption(
        event_id(upload, picture.sha256, questions),
        candidate.record,
        upload,
        picture,
        candidate.fingerprint,
        texts,
        reused,
        None if source is None else source.image_id,
        None if distance is None else distance[0],
        None if distance is None else distance[1],
    )


def _distance(candidate: Candidate, text: Text) -> tuple[int, float]:
    return (
        hash_distance(candidate.fingerprint, text.fingerprint),
        colour_distance(candidate.fingerprint, text.fingerprint),
    )
