"""The client of a chat server, against a stand-in that speaks its protocol over real HTTP."""

import base64
import hashlib
import io
import json
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import pytest
from data.chat_server import ChatServer
from data.pictures.told import SECRET, TOLD, said
from PIL import Image

from transforms.captioner.api import CaptionerOptions, CaptionRequest, RenderedPrompt, Sampling
from transforms.captioner.chat_api import ATTEMPTS, DEADLINE, MOST_BYTES, ChatApi, ServerFailed
from transforms.captioner.vllm import VllmCaptioner
from transforms.errors import CaptionFailed, ConfigInvalid, ImageCorrupt, ModelUnavailable

EN = RenderedPrompt("Describe it.", "en", "p", "1", max_new_tokens=50)
ZH = RenderedPrompt("描述它。", "zh-Hans", "p", "1", system="Be brief.", max_new_tokens=4)
LIMIT = 30


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as started:
        yield started


@pytest.fixture
def client(server: ChatServer) -> Iterator[Callable[..., VllmCaptioner]]:
    made = []

    def create(pauses: list[float] | None = None, **options: Any) -> VllmCaptioner:
        told = {"slots": 4, "model": "qwen", "endpoint": server.endpoint, **options}
        paused = [] if pauses is None else pauses
        made.append(VllmCaptioner(CaptionerOptions("vllm", **told), pause=paused.append))
        return made[-1]

    yield create
    for one in made:
        one.close()


def jpeg(number: int = 0, size: tuple[int, int] = (64, 48), turn: int = 1) -> bytes:
    image, file = Image.new("RGB", size, (number, 90, 200)), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = turn
    image.save(file, "JPEG", exif=exif)
    return file.getvalue()


def request(
    *prompts: RenderedPrompt, image: bytes | None = None, sampling: Sampling | None = None, source: str = ""
) -> Any:
    return CaptionRequest("r", jpeg() if image is None else image, prompts or (EN,), sampling or Sampling(), source)


@pytest.mark.parametrize(
    "name", ["jpeg exif turned", "jpeg xmp", "png exif", "png text", "webp", "gif comment", "avif xmp"]
)
def test_nothing_but_pixels_reaches_the_server(
    name: str, client: Callable[..., VllmCaptioner], server: ChatServer
) -> None:
    """Not even of bytes that nobody has inspected."""
    client().submit(request(image=TOLD[name]())).result(LIMIT)
    (message,) = server.bodies[0]["messages"]
    sent = base64.b64decode(message["content"][0]["image_url"]["url"].partition(",")[2])
    assert sent[12:16] == b"IHDR"
    assert SECRET not in sent
    assert said(sent) == []
    assert SECRET.decode() not in json.dumps(server.bodies)


def test_every_prompt_is_asked_with_the_picture_in_it(client: Callable[..., VllmCaptioner], server: ChatServer) -> None:
    captioner = client()
    assert (captioner.info.model, captioner.info.revision, captioner.info.slots) == ("qwen", "/models/qwen", 4)
    english, chinese = captioner.submit(request(EN, ZH)).result(LIMIT).completions
    assert english.text.endswith(" 64x48 Describe it.")
    assert chinese.text.endswith(" 64x48 描述它。")
    assert (english.finish_reason, chinese.finish_reason) == ("stop", "length")
    assert (english.input_tokens, english.output_tokens) == (90, 12)
    first, second = server.bodies
    assert {name: first[name] for name in ("model", "max_tokens", "temperature", "top_p")} == {
        "model": "qwen",
        "max_tokens": 50,
        "temperature": 0.0,
        "top_p": 1.0,
    }
    assert "seed" not in first
    assert [message["role"] for message in first["messages"]] == ["user"]
    assert second["messages"][0] == {"role": "system", "content": "Be brief."}


def test_pictures_are_upright_within_the_cap_and_without_loss(
    client: Callable[..., VllmCaptioner], server: ChatServer
) -> None:
    captioner = client(max_pixels=64 * 64)
    png = io.BytesIO()
    Image.frombytes("RGB", (40, 30), bytes(range(240)) * 15).save(png, "PNG")
    captioner.submit(request(image=png.getvalue())).result(LIMIT)
    captioner.submit(request(image=jpeg(size=(400, 100), turn=6))).result(LIMIT)
    exact, large = server.pictures
    assert exact.tobytes() == bytes(range(240)) * 15
    assert (large.width, large.height) == (32, 128)  # turned, and within the cap


def test_a_sampled_request_says_how(client: Callable[..., VllmCaptioner], server: ChatServer) -> None:
    client().submit(request(sampling=Sampling(0.7, 0.9, 42, top_k=20))).result(LIMIT)
    assert {name: server.bodies[0][name] for name in ("temperature", "top_p", "top_k", "seed")} == {
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": 20,
        "seed": 42,
    }


def test_no_more_are_asked_at_once_than_there_are_slots(
    client: Callable[..., VllmCaptioner], server: ChatServer
) -> None:
    server.hold.clear()
    captioner = client(slots=3)
    bulk = [captioner.submit(request(image=jpeg(n), source="bulk")) for n in range(20)]
    single = captioner.submit(request(image=jpeg(99), source="small"))
    deadline = time.monotonic() + LIMIT
    while server.most_at_once < 3:
        assert time.monotonic() < deadline
    server.hold.set()
    assert single.result(LIMIT)
    assert not wait(bulk, LIMIT).not_done
    assert server.most_at_once == 3
    place = [hashlib.sha256(picture.tobytes()).digest() for picture in server.pictures].index(
        hashlib.sha256(Image.open(io.BytesIO(jpeg(99))).tobytes()).digest()
    )
    assert place <= 6  # merchants take turns


@pytest.mark.parametrize(
    ("answer", "waited"),
    [
        ((503, {}, b""), [0.5, 1.0]),
        ((429, {"Retry-After": "3"}, b""), [3.0, 6.0]),
        ((429, {"Retry-After": "600"}, b""), [10.0, 10.0]),
        ((0, {}, b""), [0.5, 1.0]),
    ],
    ids=["busy", "told how long", "told too long", "hung up"],
)
def test_a_busy_server_is_asked_again(
    client: Callable[..., VllmCaptioner], server: ChatServer, answer: Any, waited: list[float]
) -> None:
    server.fault = lambda number, body: answer if number < 2 else None
    pauses: list[float] = []
    assert client(pauses).submit(request()).result(LIMIT).completions[0].text
    assert pauses == waited


def test_a_server_that_stays_busy_is_to_blame(client: Callable[..., VllmCaptioner], server: ChatServer) -> None:
    server.fault = lambda number, body: (503, {}, b"secret words")
    pauses: list[float] = []
    error = client(pauses).submit(request()).exception(LIMIT)
    assert isinstance(error, ServerFailed)
    assert str(error) == f"`{server.endpoint[7:-3]}` answered `503` `4` times"
    assert (len(server.bodies), pauses) == (ATTEMPTS, [0.5, 1.0, 2.0])


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ((400, {}, b"too long"), CaptionFailed, "the server refused the picture or its prompt with `400`"),
        ((401, {}, b""), ServerFailed, "answered `401`; look at --endpoint and --api-key"),
        ((200, {}, b"<html>"), ServerFailed, "did not answer in JSON"),
        ((200, {}, json.dumps({"choices": []}).encode()), ServerFailed, "has no text (`IndexError`)"),
        ((200, {}, b"[]"), ServerFailed, "has no text (`TypeError`)"),
        ((307, {"Location": "/v1/elsewhere"}, b""), ServerFailed, "answered `307`; look at --endpoint"),
        ((200, {}, b" " * (MOST_BYTES + 1)), ServerFailed, "answered more than `16` MiB"),
    ],
)
def test_other_answers_are_not_asked_for_again(
    client: Callable[..., VllmCaptioner], server: ChatServer, answer: Any, kind: type[Exception], words: str
) -> None:
    server.fault = lambda number, body: answer
    error = client().submit(request()).exception(LIMIT)
    assert isinstance(error, kind)
    assert words in str(error)
    assert len(server.bodies) == 1


def test_a_picture_that_cannot_be_decoded_is_not_sent(client: Callable[..., VllmCaptioner], server: ChatServer) -> None:
    captioner = client()
    assert isinstance(captioner.submit(request(image=jpeg()[:80])).exception(LIMIT), ImageCorrupt)
    assert captioner.submit(request()).result(LIMIT)
    assert len(server.bodies) == 1


def test_a_key_is_sent_and_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_KEY", "hunter2")
    with ChatServer(key="hunter2") as server:
        given = {"model": "qwen", "endpoint": server.endpoint, "slots": 1}
        captioner = VllmCaptioner(CaptionerOptions("vllm", **given, api_key="env:CHAT_KEY"))
        assert captioner.submit(request()).result(LIMIT)
        captioner.close()
        monkeypatch.setenv("CHAT_KEY", "wrong-hunter3")
        with pytest.raises(ModelUnavailable) as raised:
            VllmCaptioner(CaptionerOptions("vllm", **given, api_key="env:CHAT_KEY"))
    assert "hunter" not in str(raised.value)
    with pytest.raises(ConfigInvalid, match="--api-key takes a reference"):
        CaptionerOptions("vllm", **given, api_key="hunter2")


@pytest.mark.parametrize("key", ["hunter2\r\nX-Evil: 1", "hunter2\n", " hunter2", "häunter2", "hunter2\x00"])
def test_a_key_that_no_header_can_hold_is_refused_and_not_told(tmp_path: Path, key: str) -> None:
    (tmp_path / "key").write_text(key + " ", "utf-8")
    with pytest.raises(ConfigInvalid, match="is no key: it has blanks around it") as raised:
        ChatApi("http://127.0.0.1:1/v1", f"file:{tmp_path}/key", threading.Event())
    assert "unter" not in "".join(traceback.format_exception(raised.value))


def test_a_path_of_the_address_is_not_told() -> None:
    given = {"model": "qwen", "endpoint": f"http://127.0.0.1:1/{'hunter2'}/v1"}
    with pytest.raises(ModelUnavailable) as raised:
        VllmCaptioner(CaptionerOptions("vllm", **given))
    shown = traceback.TracebackException.from_exception(raised.value)
    assert "hunter2" not in str(shown)
    assert shown.__cause__ is None
    assert shown.__suppress_context__


def test_attempts_end_with_the_deadline_of_the_picture(server: ChatServer) -> None:
    now = [0.0]

    def pause(seconds: float) -> None:
        now[0] += seconds + DEADLINE / 2

    server.fault = lambda number, body: (503, {}, b"")
    api = ChatApi(server.endpoint, None, threading.Event(), pause, lambda: now[0])
    with pytest.raises(ServerFailed, match="answered `503` `2` times"):
        api.complete({"max_tokens": 9}, api.deadline())
    assert len(server.bodies) == 2


def test_an_answer_that_does_not_end_ends_with_the_deadline(server: ChatServer) -> None:
    readings = iter([0.0, 0.0, DEADLINE + 1])  # the deadline is set, the question sent, the first piece there
    server.fault = lambda number, body: (200, {}, b" " * 1000)
    api = ChatApi(server.endpoint, None, threading.Event(), lambda _: None, lambda: next(readings, DEADLINE + 2))
    with pytest.raises(ServerFailed, match=r"cannot be asked \(`ReadTimeout`\)"):
        api.complete({"max_tokens": 9}, api.deadline())
    assert len(server.bodies) == 1


def test_a_server_without_the_model_or_without_a_server(server: ChatServer) -> None:
    with pytest.raises(ModelUnavailable, match="has `qwen`, not `other`; mend --model"):
        VllmCaptioner(CaptionerOptions("vllm", model="other", endpoint=server.endpoint))
    with pytest.raises(ModelUnavailable, match=r"at `127.0.0.1:1` does not tell its models \(`ConnectionError`\)"):
        VllmCaptioner(CaptionerOptions("vllm", model="qwen", endpoint="http://127.0.0.1:1/v1"))


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "host:8000",
        "ftp://host",
        "http://me:hunter2@host/v1",
        "http://host/v1?key=hunter2",
        "http://host:hunter2/v1",
        "http://host:0/v1",
        "http://[hunter2/v1",
        "http://host/v1#hunter2",
    ],
)
def test_an_address_is_checked_and_not_told(endpoint: str) -> None:
    with pytest.raises(ConfigInvalid, match="--endpoint") as raised:
        CaptionerOptions("vllm", endpoint=endpoint)
    assert "hunter2" not in str(raised.value)


def test_close_settles_everything_and_waits_for_no_answer(server: ChatServer) -> None:
    server.hold.clear()
    captioner = VllmCaptioner(CaptionerOptions("vllm", model="qwen", endpoint=server.endpoint, slots=2))
    futures = [captioner.submit(request(image=jpeg(n))) for n in range(6)]
    assert futures[3].cancel()
    threading.Timer(0.2, server.hold.set).start()
    captioner.close()
    assert not wait(futures, 0).not_done
    with pytest.raises(RuntimeError, match="the captioner is closed"):
        captioner.submit(request())
