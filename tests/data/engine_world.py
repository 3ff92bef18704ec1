"""The tiny model, taken apart for engines and whole for `generate()`, pictures and prompts for both."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from transforms.captioner.api import CaptionerOptions, RenderedPrompt, Sampling
from transforms.captioner.checkpoint import Checkpoint, load_checkpoint
from transforms.captioner.engine.admission import AdmissionRule
from transforms.captioner.engine.build import build
from transforms.captioner.engine.engine import Engine
from transforms.captioner.engine.jobs import Job
from transforms.captioner.engine.recorded import Record, RecordedDecode
from transforms.captioner.engine.rows import lay_out
from transforms.captioner.engine.slots import Slots
from transforms.captioner.engine.steps import Steps
from transforms.captioner.patches import Patches, patchify
from transforms.captioner.prompts import Library
from transforms.captioner.reference import Reference
from transforms.captioner.tiny.products import HELD_OUT, render

EN, ZH = (Library.load("tiny").render("any", "DESCRIBE", tag, {}, None) for tag in ("en", "zh-Hans"))
LONG = replace(EN, text=EN.text + " Say what it is, which colour it has and what lies behind it.")
ASKS = ((EN,), (ZH,), (EN, ZH), (LONG,), (ZH, LONG, EN), (EN, EN))
SIZES = ((64, 64), (96, 64), (64, 96), (96, 96), (160, 32), (128, 128))
PICTURES = 12
LENGTH = 160
"""Tokens of a slot."""


@dataclass
class World:
    """The model twice: taken apart for engines, and whole."""

    checkpoint: Checkpoint
    taken: Engine
    reference: Reference
    pictures: list[Patches]

    def engine(
        self,
        slots: int = 8,
        rule: AdmissionRule | None = None,
        stops: bool = True,
        is_fused: bool = False,
        record: Record | None = None,
        **more: Any,
    ) -> Engine:
        """With ``record`` its decode steps are recorded, as on a card."""
        parts = self.taken._steps
        decoder = parts._decoder
        with torch.inference_mode():
            sizes = (len(decoder.layers), slots, decoder.key_heads, LENGTH, decoder.width)
            held = Slots(*sizes, torch.device("cpu"), torch.float32)
            steps = Steps(decoder, parts._vision, parts._rotary, held, is_fused)
            if record is not None:
                logits = torch.full((slots, decoder.head.shape[1]), torch.nan)
                more["decode"] = RecordedDecode(steps.decode, slots, LENGTH, logits, record)
        stop_ids = self.checkpoint.stop_ids if stops else ()
        return Engine(steps, stop_ids, rule or AdmissionRule.for_cpu(slots), **more)

    def job(
        self, picture: int, prompts: Sequence[RenderedPrompt], sampling: Sampling | None = None, source: str = ""
    ) -> Job:
        patches, chat, merge = self.pictures[picture], self.checkpoint.chat, self.checkpoint.rule.merge
        size = patches.rows // merge, patches.columns // merge
        row = lay_out(chat.before(prompts[0]), chat.image_id, *size, [chat.after(prompt) for prompt in prompts])
        return Job(patches, row, sampling or Sampling(), tuple(p.max_new_tokens for p in prompts), source)


def make_world() -> World:
    """Loads the model twice."""
    options = CaptionerOptions("engine")
    checkpoint, whole = load_checkpoint(options), load_checkpoint(options)
    dice = random.Random(4)
    pictures = [
        patchify(render(HELD_OUT[n * 7], dice, SIZES[n % len(SIZES)]), checkpoint.rule) for n in range(PICTURES)
    ]
    return World(checkpoint, build(checkpoint, options), Reference(whole), pictures)


class Stock:
    """What `generate()` says of a picture alone, and how likely the model finds it, token by token."""

    def __init__(self, world: World) -> None:
        self._reference = world.reference
        self._model = world.reference._checkpoint.model
        self._pictures = world.pictures
        self._known: dict[tuple[int, RenderedPrompt, bool], tuple[list[int], torch.Tensor]] = {}

    def tokens(self, picture: int, prompt: RenderedPrompt, stops: bool) -> list[int]:
        """A smaller limit leaves their beginning."""
        return self._ask(picture, prompt, stops)[0][: prompt.max_new_tokens]

    def chances(self, picture: int, prompt: RenderedPrompt, stops: bool) -> torch.Tensor:
        """Their log-probabilities, from one pass over the whole text."""
        return self._ask(picture, prompt, stops)[1][: prompt.max_new_tokens]

    def _ask(self, picture: int, prompt: RenderedPrompt, stops: bool) -> tuple[list[int], torch.Tensor]:
        key = picture, replace(prompt, max_new_tokens=40), stops
        if key not in self._known:
            row = self._reference.row(self._pictures[picture], key[1], Sampling())
            (said,) = self._reference.generate([row], threading.Event(), stops)
            inputs = self._reference.collate([replace(row, ids=row.ids + said)])
            with torch.inference_mode():
                logits = self._model(**inputs).logits[0, len(row.ids) - 1 : -1]
            self._known[key] = said, logits.log_softmax(-1).gather(1, torch.tensor(said)[:, None])[:, 0]
        return self._known[key]


def run_again(step: Callable[[], None]) -> Callable[[], None]:
    """Records on a CPU as a card does: the step runs once meanwhile, and again with each replay."""
    step()
    return step


def tokens_of(job: Job) -> list[list[int]]:
    return [answer.tokens for answer in job.answers]


def run(engine: Engine, *jobs: Job) -> list[Job]:
    for job in jobs:
        engine.add(job)
    done: list[Job] = []
    for _ in range(2000):
        done += engine.step()
        if len(done) == len(jobs):
            return done
    raise AssertionError(f"{len(done)} of {len(jobs)} jobs are done after 2,000 steps")


def check_empty(engine: Engine) -> None:
    """Nothing leaks: all slots are free, low ones first, and hold nothing."""
    assert (engine.active, engine.waiting, engine.slots.free) == (0, 0, engine.slots.count)
    assert [engine.slots.take() for _ in range(engine.slots.count)] == list(range(engine.slots.count))
    assert int(engine.slots.lengths.sum()) == int(engine.slots.steps.sum()) == 0
    assert engine.counters.joined == engine.counters.left
