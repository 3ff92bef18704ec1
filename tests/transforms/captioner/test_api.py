import subprocess
import sys

import pytest

from transforms.captioner.api import CaptionerOptions, CaptionRequest, RenderedPrompt, Sampling
from transforms.captioner.load import create
from transforms.errors import ConfigInvalid

PROMPT = RenderedPrompt("Describe.", "en", "p", "1")


def test_digest_covers_what_can_change_the_answer_and_nothing_else():
    digests = {
        prompt.digest()
        for prompt in (
            PROMPT,
            RenderedPrompt("Describe!", "en", "p", "1"),
            RenderedPrompt("Describe.", "zh-Hans", "p", "1"),
            RenderedPrompt("Describe.", "en", "p", "1", system="Be brief."),
            RenderedPrompt("Describe.", "en", "p", "1", max_new_tokens=5),
        )
    }
    assert len(digests) == 5
    assert PROMPT.digest() == RenderedPrompt("Describe.", "en", "renamed", "2").digest()


def test_sampling_key_leaves_the_seed_out():
    assert Sampling().greedy
    assert Sampling().key() == "t0,p1"
    assert Sampling(0.7, 0.9, seed=1).key() == Sampling(0.7, 0.9, seed=2).key() == "t0.7,p0.9"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sampling(-1), "temperature `-1` is negative; use 0 for greedy decoding"),
        (lambda: Sampling(1, 0), "top_p `0` is outside (0, 1]; use 1 to switch it off"),
        (
            lambda: CaptionerOptions(kind="x"),
            "captioner `x` does not exist; --captioner takes engine, fake, huggingface, vllm or MODULE:FUNCTION",
        ),
        (
            lambda: CaptionerOptions(dtype="int8"),
            "dtype `int8` is not supported; --dtype takes float32 or bfloat16",
        ),
        (lambda: CaptionerOptions(slots=0), "slots `0` must be at least 1; mend --slots"),
        (
            lambda: CaptionerOptions(max_pixels=9),
            "max pixels `9` is below one visual token; mend --max-pixels",
        ),
    ],
)
def test_a_wrong_option_names_what_mends_it(make, message):
    with pytest.raises(ConfigInvalid) as caught:
        make()
    assert str(caught.value) == message


def test_create_makes_the_fake():
    captioner = create(CaptionerOptions(kind="fake", slots=3))
    assert (captioner.info.model, captioner.info.revision, captioner.info.slots) == ("fake", "1", 3)
    assert captioner.submit(CaptionRequest("r", b"x", (PROMPT,))).result(5).completions[0].text
    captioner.close()


def test_loading_the_loader_loads_no_model_library_and_no_runner():
    code = (
        "import sys, transforms.captioner.load, transforms.captioner.fake, transforms.captioner.prompts;"
        "print([m for m in ('torch', 'transformers', 'apache_beam', 'kafka') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"
