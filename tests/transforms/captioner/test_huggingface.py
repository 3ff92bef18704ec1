import io
import random
import threading
import time
from concurrent.futures import CancelledError, wait
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from transforms.captioner.api import CaptionerOptions, CaptionRequest, Sampling
from transforms.captioner.load import create
from transforms.captioner.prompts import Library
from transforms.captioner.tiny.products import HELD_OUT, render

pytestmark = pytest.mark.model
EN, ZH = (Library.load("tiny").render("any", "DESCRIBE", tag, {}, None) for tag in ("en", "zh-Hans"))
SIZES = [(64, 64), (96, 64), (70, 91), (200, 100), (33, 160), (640, 480), (96, 96), (20, 20)]


@pytest.fixture(scope="module")
def captioner():
    loaded = create(CaptionerOptions("huggingface", slots=8))
    yield loaded
    loaded.close()


@pytest.fixture
def batches(captioner, monkeypatch):
    """Rows of every call of generate()."""
    sizes = []
    generate = captioner._model.generate

    def recording(**inputs):
        sizes.append(len(inputs["input_ids"]))
        return generate(**inputs)

    monkeypatch.setattr(captioner._model, "generate", recording)
    return sizes


def png(picture):
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def pictures(count, seed=3, sizes=None):
    rng = random.Random(seed)
    return [png(render(HELD_OUT[(seed + n * 7) % 225], rng, sizes and sizes[n % len(sizes)])) for n in range(count)]


def ask(captioner, image, *prompts, sampling=None):
    return captioner.submit(CaptionRequest("r", image, prompts or (EN,), sampling or Sampling()))


def answers(future):
    return future.result(60).completions


def test_a_batch_says_what_one_by_one_says(captioner, batches):
    images = pictures(24, sizes=SIZES)
    prompts = [(EN,), (ZH,), (ZH, EN)]
    futures = [ask(captioner, image, *prompts[n % 3]) for n, image in enumerate(images)]
    together = [[(a.text, a.input_tokens, a.output_tokens) for a in answers(future)] for future in futures]
    assert max(batches) == 8
    del batches[:]
    alone = [[answers(ask(captioner, image, prompt))[0] for prompt in prompts[n % 3]] for n, image in enumerate(images)]
    assert set(batches) == {1}
    assert together == [[(a.text, a.input_tokens, a.output_tokens) for a in row] for row in alone]


def test_more_prompts_than_slots_are_answered_in_order(captioner, batches):
    image = pictures(1)[0]
    got = answers(ask(captioner, image, *(EN, ZH) * 6))
    assert [answer.text for answer in got] == [got[0].text, got[1].text] * 6
    assert batches == [8, 4]
    assert answers(ask(captioner, image, EN))[0].text == got[0].text


def test_inputs_are_those_of_the_stock_processor(captioner):
    from transformers import AutoTokenizer, Qwen2VLImageProcessorPil

    directory = Path(create.__code__.co_filename).parent / "tiny"
    tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)
    processor = Qwen2VLImageProcessorPil.from_pretrained(directory, local_files_only=True)
    noise = [Image.frombytes("RGB", size, random.Random(1).randbytes(size[0] * size[1] * 3)) for size in SIZES]
    system = replace(ZH, system="Be brief.\nñ 好")
    for picture in noise:
        (row,) = captioner._prepare(CaptionRequest("r", png(picture), (system,)))
        stock = processor(images=[picture], return_tensors="pt")
        ours = captioner._reference.collate([row])
        assert ours["image_grid_thw"].equal(stock["image_grid_thw"])
        assert ours["pixel_values"].equal(stock["pixel_values"])
        text = (
            f"<|im_start|>system\n{system.system}<|im_end|>\n<|im_start|>user\n<|vision_start|>"
            + "<|image_pad|>" * row.patches.tokens
            + f"<|vision_end|>{system.text}<|im_end|>\n<|im_start|>assistant\n"
        )
        assert row.ids == tokenizer(text)["input_ids"]
        assert ours["mm_token_type_ids"].sum() == row.patches.tokens


def test_an_error_in_the_model_fails_only_the_guilty_picture(captioner, monkeypatch):
    generate, sizes = captioner._model.generate, []

    def failing(**inputs):
        sizes.append(len(inputs["input_ids"]))
        if [1, 2, 10] in inputs["image_grid_thw"].tolist():
            raise ValueError("cannot digest this one")
        return generate(**inputs)

    images = [*pictures(7), png(render(HELD_OUT[0], random.Random(1), (160, 32)))]
    usual = [answers(ask(captioner, image))[0].text for image in images[:7]]
    monkeypatch.setattr(captioner._model, "generate", failing)
    futures = [ask(captioner, image) for image in images]
    assert str(futures[7].exception(60)) == "cannot digest this one"
    assert [answers(future)[0].text for future in futures[:7]] == usual
    assert sizes.count(1) >= 1


def test_out_of_memory_halves_the_batch(captioner, monkeypatch):
    import torch

    generate, sizes = captioner._model.generate, []

    def cramped(**inputs):
        sizes.append(len(inputs["input_ids"]))
        if sizes[-1] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return generate(**inputs)

    monkeypatch.setattr(captioner._model, "generate", cramped)
    image = pictures(1)[0]
    assert all(answer.text for answer in answers(ask(captioner, image, *(EN, ZH) * 4)))
    assert sizes == [8, 4, 2, 2, 4, 2, 2]


def test_each_prompt_keeps_its_own_limit(captioner, batches):
    image = pictures(1)[0]
    whole = answers(ask(captioner, image))[0]
    limits = (3, whole.output_tokens - 1, whole.output_tokens, 32)
    got = answers(ask(captioner, image, *(replace(EN, max_new_tokens=limit) for limit in limits)))
    assert batches[-1] == 4
    assert [answer.finish_reason for answer in got] == ["length", "length", "stop", "stop"]
    assert [answer.output_tokens for answer in got] == [*limits[:3], whole.output_tokens]
    assert got[1].text == got[2].text == got[3].text == whole.text
    assert whole.text.startswith(got[0].text)
    assert got[0].text != whole.text


def test_cancelled_requests_are_skipped_and_close_settles_the_rest(capfd, monkeypatch):
    own = create(CaptionerOptions("huggingface", slots=2))
    generate, started = own._model.generate, threading.Event()
    seen = []

    def slow(**inputs):
        started.set()
        seen.append(len(inputs["input_ids"]))
        time.sleep(0.2)
        return generate(**inputs)

    monkeypatch.setattr(own._model, "generate", slow)
    running = ask(own, pictures(1)[0], EN, ZH)
    assert started.wait(30)
    skipped, waiting = ask(own, pictures(1)[0]), ask(own, b"never looked at")
    assert skipped.cancel()
    own.close()
    assert not wait([running, skipped, waiting], 0).not_done
    assert isinstance(running.exception(), CancelledError)
    assert waiting.cancelled()
    assert seen == [2]
    with pytest.raises(RuntimeError, match="the captioner is closed"):
        ask(own, b"")
    assert not any(thread is own._batches._thread for thread in threading.enumerate())
    assert capfd.readouterr() == ("", "")
