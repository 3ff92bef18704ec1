import hashlib
import threading
from concurrent.futures import CancelledError, wait

import pytest

from transforms.captioner.api import CaptionRequest, Form, RenderedPrompt, Sampling
from transforms.captioner.fake import FakeCaptioner, fake_text
from transforms.errors import ImageCorrupt
from transforms.parsing import parse
from transforms.review import Asked, ReviewPolicy, Verdict, review_answer
from transforms.values import ModerationVerdict

EN = RenderedPrompt("Describe.", "en", "p-en", "1")
ZH = RenderedPrompt("请描述。", "zh-Hans", "p-zh", "1")


@pytest.fixture
def captioner():
    fake = FakeCaptioner(slots=4)
    yield fake
    fake.close()


def request(image=b"picture", *prompts, sampling=None):
    return CaptionRequest("r", image, prompts or (EN,), sampling or Sampling())


def texts(future):
    return [completion.text for completion in future.result(5).completions]


def test_the_text_names_picture_prompt_and_seed(captioner):
    content, asked = hashlib.sha256(b"picture").hexdigest()[:12], EN.digest()[:12]
    assert texts(captioner.submit(request())) == [f"A product photo, content {content}, prompt {asked}."]
    drawn = captioner.submit(request(sampling=Sampling(0.7, seed=5)))
    assert texts(drawn) == [f"A product photo, content {content}, prompt {asked}, seed 5."]


def test_one_completion_per_prompt_in_their_order(captioner):
    zh, en = texts(captioner.submit(request(b"picture", ZH, EN)))
    assert hashlib.sha256(b"picture").hexdigest()[:12] in zh
    assert zh.startswith("这是")
    assert en == fake_text(request(), EN)


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("language", ["en", "de", "zh-Hans", "zh-Hant", "yue"])
def test_every_answer_is_of_its_form_and_passes_the_review(language, form):
    prompt = RenderedPrompt("x", language, "p", "1", form=form)
    task = {Form.MODERATION: "MODERATE", Form.KEYWORDS: "INDEX"}.get(form, "DESCRIBE")
    for number in range(50):
        text = fake_text(request(str(number).encode(), sampling=Sampling(1, seed=number)), prompt)
        reviewed = review_answer(text, form, Asked(language, task), ReviewPolicy())
        assert (reviewed.ruling.verdict, reviewed.ruling.rules) == (Verdict.PASSED, ())
        assert reviewed.answer == parse(text, form)


def test_the_verdict_is_the_pictures_own():
    verdicts = {}
    for number in range(30):
        answers = [
            parse(fake_text(request(str(number).encode()), RenderedPrompt(text, language, "p", "1", form=form)), form)
            for text, language, form in (("a", "en", Form.MODERATION), ("b", "zh-Hans", Form.MODERATION))
        ]
        assert answers[0].moderation == answers[1].moderation
        verdicts[number] = answers[0].moderation.verdict
    assert set(verdicts.values()) == set(ModerationVerdict)


def test_a_script_answers_or_fails_chosen_requests():
    def script(asked, prompt):
        if asked.image == b"raise":
            raise RuntimeError("broken")
        return {b"return": ImageCorrupt("bad"), b"say": f"said in {prompt.language}"}.get(asked.image)

    fake = FakeCaptioner(script=script)
    raised, returned, said, usual = (
        fake.submit(request(image, ZH, EN)) for image in (b"raise", b"return", b"say", b"other")
    )
    assert isinstance(raised.exception(5), RuntimeError)
    assert isinstance(returned.exception(5), ImageCorrupt)
    assert texts(said) == ["said in zh-Hans", "said in en"]
    assert texts(usual)[1] == fake_text(request(b"other"), EN)
    fake.close()


def test_the_gate_holds_all_answers_and_counters_are_exact():
    gate = threading.Event()
    fake = FakeCaptioner(slots=2, gate=gate)
    futures = [fake.submit(request(str(n).encode())) for n in range(5)]
    assert not wait(futures, 0.05).done
    assert (fake.submitted, fake.settled, fake.max_in_flight) == (5, 0, 5)
    gate.set()
    for number, future in enumerate(futures, 1):
        future.result(5)
        assert fake.settled >= number
    assert (fake.settled, fake.max_in_flight) == (5, 5)
    fake.close()


def test_answers_come_after_the_delay_from_another_thread():
    fake = FakeCaptioner(delay=0.05)
    future = fake.submit(request())
    assert not future.done()
    names = []
    future.add_done_callback(lambda _: names.append(threading.current_thread().name))
    assert future.result(5).milliseconds >= 45
    fake.close()
    assert names == ["fake-captioner"]


def test_close_cancels_what_is_held_and_what_waits():
    fake = FakeCaptioner(slots=1, gate=threading.Event())
    futures = [fake.submit(request(str(n).encode())) for n in range(3)]
    fake.close()
    assert wait(futures, 0).not_done == set()
    for future in futures:
        with pytest.raises(CancelledError):
            future.result()
    assert fake.settled == 3
    with pytest.raises(RuntimeError, match="the captioner is closed; create another one"):
        fake.submit(request())
    fake.close()
