"""The engine behind its futures: many requests, cancels and failures in a row."""

import collections
import io
import json
import random
import shutil
import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from data.engine_world import EN, ZH
from PIL import Image

from transforms.captioner.api import CaptionerOptions, CaptionRequest, Generation, RenderedPrompt
from transforms.captioner.checkpoint import load_checkpoint
from transforms.captioner.directory import TINY
from transforms.captioner.engine.captioner import EngineCaptioner
from transforms.captioner.engine.packed import Joining
from transforms.captioner.images import decode_rgb
from transforms.captioner.load import create
from transforms.captioner.patches import PatchRule, patchify
from transforms.captioner.tiny.products import HELD_OUT, render
from transforms.errors import CaptionerBroken, ImageCorrupt, PromptTooLong

pytestmark = pytest.mark.model
LIMIT = 120


def png(number: int) -> bytes:
    file = io.BytesIO()
    render(HELD_OUT[number], random.Random(number), (64, 64)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def captioner() -> EngineCaptioner:
    made = create(CaptionerOptions(slots=32))
    assert isinstance(made, EngineCaptioner)
    yield made
    made.close()


def test_ten_thousand_requests_leak_nothing(captioner: EngineCaptioner, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(1)
    usual = captioner._engine._steps.prefill
    guilty = patchify(decode_rgb(png(13)), PatchRule.read(TINY, {}))

    def prefill(joining: Sequence[Joining]) -> torch.Tensor:
        if any(np.array_equal(one.patches.pixels, guilty.pixels) for one in joining):
            raise RuntimeError("picture 13")
        return usual(joining)

    monkeypatch.setattr(captioner._engine._steps, "prefill", prefill)
    pictures = [png(number) for number in range(20)]
    pictures.append(pictures[0][:200])
    short = [tuple(replace(p, max_new_tokens=limit) for p in ps) for ps in ((EN,), (ZH,), (EN, ZH)) for limit in (1, 3)]
    outcomes: collections.Counter[str] = collections.Counter()
    settled: collections.Counter[int] = collections.Counter()
    lock, room = threading.Lock(), threading.Semaphore(64)
    memory: dict[int, int] = {}

    def note(number: int, future: Future[Generation]) -> None:
        with lock:
            settled[number] += 1
            error = CancelledError() if future.cancelled() else future.exception()
            outcomes["answered" if error is None else type(error).__name__] += 1
        room.release()

    futures: collections.deque[Future[Generation]] = collections.deque(maxlen=40)
    for number in range(10_000):
        assert room.acquire(timeout=LIMIT)
        request = CaptionRequest(f"r{number}", dice.choice(pictures), dice.choice(short), source=str(number % 5))
        futures.append(captioner.submit(request))
        futures[-1].add_done_callback(lambda future, number=number: note(number, future))
        if dice.random() < 0.05:
            dice.choice(futures).cancel()
        if number in (2_000, 9_999):
            memory[number] = psutil.Process().memory_info().rss >> 20
    for _ in range(64):
        assert room.acquire(timeout=LIMIT)
    assert set(settled.values()) == {1}
    assert len(settled) == 10_000
    assert set(outcomes) == {"answered", "CancelledError", "ImageCorrupt", "RuntimeError"}
    assert outcomes["answered"] > 8_500
    assert 300 < outcomes["RuntimeError"] < 700
    assert 300 < outcomes["ImageCorrupt"] < 700
    assert memory[9_999] - memory[2_000] < 40
    engine = captioner._engine
    assert (engine.active, engine.waiting, engine.slots.free) == (0, 0, 32)
    assert engine.counters.joined == engine.counters.left
    assert not captioner._owners
    assert not captioner._unfinished


def test_a_bulk_of_one_merchant_does_not_hold_up_another_s_picture(captioner: EngineCaptioner) -> None:
    bulk = [captioner.submit(CaptionRequest(f"b{n}", png(n % 20), (EN,), source="bulk")) for n in range(1_000)]
    single = captioner.submit(CaptionRequest("s", png(7), (ZH,), source="small"))
    assert single.result(LIMIT).completions[0].text
    done = sum(future.done() for future in bulk)
    assert done < 300  # what was prepared before it, and a few joined with it
    for future in bulk:
        future.cancel()


def test_a_prompt_that_does_not_fit_is_the_upload_s_fault() -> None:
    made = create(CaptionerOptions(slots=2, text_tokens=64))
    try:
        long = replace(EN, text="a very long title " * 500)
        error = made.submit(CaptionRequest("r", png(1), (long,))).exception(LIMIT)
        assert isinstance(error, PromptTooLong)
        assert "of 73 there are; shorten the prompt or its attributes, or raise --text-tokens" in error.message
        assert made.submit(CaptionRequest("r", png(1), (EN,))).result(LIMIT).completions[0].text
        noise = io.BytesIO()
        Image.new("RGB", (10, 10)).save(noise, "PNG")
        assert isinstance(made.submit(CaptionRequest("r", noise.getvalue()[:40], (EN,))).exception(LIMIT), ImageCorrupt)
    finally:
        made.close()


def test_what_breaks_the_step_itself_ends_what_is_under_way(
    captioner: EngineCaptioner, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, broken = captioner._engine.step, [True]

    def step() -> object:
        done = usual()
        if broken and captioner._engine.active:
            broken.clear()
            raise MemoryError("odd")
        return done

    monkeypatch.setattr(captioner._engine, "step", step)
    first = captioner.submit(CaptionRequest("r", png(1), (EN,)))
    assert isinstance(first.exception(LIMIT), MemoryError)
    assert captioner.submit(CaptionRequest("r", png(1), (EN,))).result(LIMIT).completions[0].text


def test_a_lost_device_ends_every_request_and_refuses_more(
    captioner: EngineCaptioner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = threading.Event()

    def lost(*_: object) -> object:
        assert asked.wait(LIMIT)
        raise torch.AcceleratorError("CUDA error: unspecified launch failure\nCUDA kernel errors might be …")

    monkeypatch.setattr(captioner._engine._steps, "prefill", lost)
    futures = [captioner.submit(CaptionRequest(f"r{n}", png(n % 20), (EN,))) for n in range(100)]
    asked.set()
    errors = [future.exception(LIMIT) for future in futures]
    words = (
        "the engine cannot go on (`CUDA error: unspecified launch failure`); look at the card, "
        "and start again from the checkpoint"
    )
    assert {(type(error), str(error)) for error in errors} == {(CaptionerBroken, words)}
    with pytest.raises(CaptionerBroken, match="unspecified launch failure"):
        captioner.submit(CaptionRequest("r", png(1), (EN,)))
    assert "the engine cannot go on" in caplog.text


def test_what_goes_wrong_with_one_answer_is_its_own_affair(
    captioner: EngineCaptioner, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, bad = captioner._chat.decode, [True]

    def decode(tokens: Sequence[int]) -> str:
        if bad:
            bad.clear()
            raise KeyError("no such token")
        return usual(tokens)

    monkeypatch.setattr(captioner._chat, "decode", decode)
    first = captioner.submit(CaptionRequest("r", png(1), (EN,)))
    assert isinstance(first.exception(LIMIT), KeyError)
    assert captioner.submit(CaptionRequest("r", png(1), (EN,))).result(LIMIT).completions[0].text


def test_a_request_without_a_prompt_is_answered(captioner: EngineCaptioner) -> None:
    assert captioner.submit(CaptionRequest("r", png(1), ())).result(LIMIT) == Generation((), 0)


def test_two_languages_cost_little_more_than_one(tmp_path: Path) -> None:
    """At 512 x 512 pixels with 100 tokens of text for each: the picture is the larger part, and is computed once."""
    shutil.copytree(TINY, tmp_path / "large")
    settings = json.loads((TINY / "preprocessor_config.json").read_text("utf-8"))
    settings["size"] = {"shortest_edge": 4096, "longest_edge": 512 * 512}
    (tmp_path / "large" / "preprocessor_config.json").write_text(json.dumps(settings), "utf-8")
    options = CaptionerOptions(model=str(tmp_path / "large"))
    made, stock = create(options), create(replace(options, kind="huggingface"))
    assert isinstance(made, EngineCaptioner)
    chat, counters = made._chat, made._engine.counters

    def long(prompt: RenderedPrompt) -> RenderedPrompt:
        while len(chat.encode(prompt, 0)) < 100:
            prompt = replace(prompt, text=prompt.text + ".")
        return prompt

    english, chinese = long(EN), long(ZH)
    file = io.BytesIO()
    render(HELD_OUT[5], random.Random(5), (512, 512)).save(file, "PNG")
    costs, texts = [], []
    try:
        for prompts in ((english,), (chinese,), (english, chinese)):
            before = counters.prefill_tokens
            request = CaptionRequest("r", file.getvalue(), prompts)
            completions = made.submit(request).result(LIMIT).completions
            costs.append(counters.prefill_tokens - before)
            texts.append([completion.text for completion in completions])
            assert texts[-1] == [said.text for said in stock.submit(request).result(LIMIT).completions]
    finally:
        made.close()
        stock.close()
    assert texts[0] + texts[1] == texts[2]
    assert costs == [256 + 100, 256 + 100, 256 + 100 + 100 - 6]  # what begins both prompts is shared too
    assert costs[2] / costs[0] <= 1.35


def test_the_synthetic_checkpoint_of_the_real_layout_is_served(tmp_path: Path) -> None:
    """Sharded safetensors with an index, as the published checkpoint has them."""
    whole = load_checkpoint(CaptionerOptions())
    whole.model.save_pretrained(tmp_path, max_shard_size="1MB")
    for name in ("tokenizer.json", "preprocessor_config.json", "generation_config.json"):
        if (TINY / name).exists():
            shutil.copy(TINY / name, tmp_path)
    assert len(list(tmp_path.glob("model-*-of-*.safetensors"))) > 3
    assert (tmp_path / "model.safetensors.index.json").exists()
    made, tiny = create(CaptionerOptions(model=str(tmp_path))), create(CaptionerOptions())
    try:
        request = CaptionRequest("r", png(4), (EN, ZH))
        assert made.submit(request).result(LIMIT).completions == tiny.submit(request).result(LIMIT).completions
    finally:
        made.close()
        tiny.close()
