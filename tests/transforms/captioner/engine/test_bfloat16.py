"""In bfloat16 the engine is as near to the float32 model as stock transformers is. On a CPU, for want of a card."""

import random
import threading

import pytest
import torch

from transforms.captioner.api import CaptionerOptions, Sampling
from transforms.captioner.checkpoint import load_checkpoint
from transforms.captioner.engine.build import build
from transforms.captioner.engine.jobs import Job
from transforms.captioner.engine.rows import lay_out
from transforms.captioner.patches import patchify
from transforms.captioner.prompts import Library
from transforms.captioner.reference import Reference
from transforms.captioner.tiny.products import HELD_OUT, render

pytestmark = pytest.mark.model
EN, ZH = (Library.load("tiny").render("any", "DESCRIBE", tag, {}, None) for tag in ("en", "zh-Hans"))


def test_log_probabilities_are_as_near_to_float32_as_the_stock_model_s() -> None:
    options = CaptionerOptions("engine", dtype="bfloat16")
    exact, rounded = load_checkpoint(CaptionerOptions()), load_checkpoint(options)
    reference, narrow = Reference(exact), Reference(rounded)
    dice = random.Random(2)
    asked = [(patchify(render(HELD_OUT[n * 9], dice), exact.rule), (EN, ZH)[n % 2]) for n in range(24)]
    said = [
        reference.generate([reference.row(patches, prompt, Sampling())], threading.Event())[0]
        for patches, prompt in asked
    ]
    wide, stock = (
        torch.cat(
            [_chances(one, patches, prompt, tokens) for (patches, prompt), tokens in zip(asked, said, strict=True)]
        )
        for one in (reference, narrow)
    )
    engine = build(rounded, options)
    engine._wants_chances = True
    chat, merge = exact.chat, exact.rule.merge
    jobs = []
    for patches, prompt in asked:
        size = patches.rows // merge, patches.columns // merge
        row = lay_out(chat.before(prompt), chat.image_id, *size, [chat.after(prompt)])
        jobs.append(Job(patches, row, Sampling(), (prompt.max_new_tokens,)))
        engine.add(jobs[-1])
    done = 0
    while done < len(jobs):
        done += len(engine.step())
    assert [job.error for job in jobs] == [None] * len(jobs)
    same = [tokens == job.answers[0].tokens for job, tokens in zip(jobs, said, strict=True)]
    assert sum(same) >= 20
    ours, theirs, true = [], [], []
    start = 0
    for job, tokens, is_same in zip(jobs, said, same, strict=True):
        stop = start + len(tokens)
        if is_same:
            ours.append(torch.tensor(job.answers[0].chances))
            theirs.append(stock[start:stop])
            true.append(wide[start:stop])
        start = stop
    mine, other = ((torch.cat(of) - torch.cat(true)).abs().mean() for of in (ours, theirs))
    assert mine <= 1.25 * other + 1e-4
    assert mine > 0  # it is bfloat16 indeed


def _chances(reference: Reference, patches: object, prompt: object, tokens: list[int]) -> torch.Tensor:
    row = reference.row(patches, prompt, Sampling())
    row.ids.extend(tokens)
    inputs = reference.collate([row])
    model = reference._checkpoint.model
    inputs["pixel_values"] = inputs["pixel_values"].to(model.dtype)
    with torch.inference_mode():
        logits = model(**inputs).logits[0, -len(tokens) - 1 : -1].float()
    return logits.log_softmax(-1).gather(1, torch.tensor(tokens)[:, None])[:, 0]
