"""What is asked about an upload, and under which key an answer may be used again."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from transforms.captioner.api import CaptionerInfo, RenderedPrompt, Sampling
from transforms.captioner.prompts import Library
from transforms.values import Upload

NAMESPACE = uuid.UUID("5b0a1c9e-6d51-5f0e-9a0e-0c6f3f0d7c11")
"""Of every uuid5 this project makes; changing it changes every id."""


@dataclass(frozen=True, slots=True)
class Question:
    """One prompt of an upload."""

    prompt: RenderedPrompt
    reuse_key: str
    """Hex sha256: an answer is reused only under an equal key."""
    prompt_sha256: str
    """The prompt's digest."""


class Planner:
    """Renders an upload's prompts for one captioner."""

    def __init__(self, library: Library, info: CaptionerInfo, sampling: Sampling, policy_version: str) -> None:
        """``policy_version`` is the review's: a text accepted by another policy is not reused."""
        self._library = library
        self._maker = (info.model, info.revision, sampling.key(), policy_version)

    def plan(self, upload: Upload) -> tuple[Question, ...]:
        """One question per language, in the upload's order. Raises `UnsupportedTask` or `UnsupportedLanguage`."""
        attributes = dict(upload.attributes)
        questions = []
        for language in upload.languages:
            prompt = self._library.render(upload.category, upload.task.value, language, attributes, upload.question)
            digest = prompt.digest()
            parts = (digest, prompt.language, *self._maker)
            questions.append(Question(prompt, hashlib.sha256("\x1f".join(parts).encode()).hexdigest(), digest))
        return tuple(questions)


def event_id(upload: Upload, sha256: bytes, questions: Sequence[Question]) -> str:
    """Deterministic id of a caption record: uuid5 of image id, content, task and reuse keys."""
    keys = ",".join(question.reuse_key for question in questions)
    return str(uuid.uuid5(NAMESPACE, f"{upload.image_id}\x1f{sha256.hex()}\x1f{upload.task}\x1f{keys}"))
