"""Texts that jobs share, with a real Redis that is also slow, down, or somebody else's."""

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from data import samples
from data.desk_rig import COPY, LEADER, captions, library, only, picture, rig
from data.redis_server import RedisServer

from transforms.cache import CacheOptions, RedisCache, cache_for, require_client
from transforms.captioner.api import RenderedPrompt
from transforms.coders import AvroCoder
from transforms.errors import ConfigInvalid
from transforms.metrics import tally
from transforms.plan import Question
from transforms.values import Caption, Text

LIMIT = 1.0
"""Seconds: a loaded machine may be slow, the server is not."""
TEXT = samples.text("A red mug.", of=LEADER)
SHA = LEADER.picture.sha256
ASKED = Question(RenderedPrompt("Describe.", "en", "p", "1"), TEXT.reuse_key, TEXT.prompt_sha256)
GENERAL = replace(ASKED, prompt=replace(ASKED.prompt, is_general=True))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as started:
        yield started


@pytest.fixture
def cache(server: RedisServer) -> Iterator[Callable[..., RedisCache]]:
    made = []
    raw(server).flushall()

    def create(
        timeout: float = LIMIT, url: str = server.url, now: list[float] | None = None, across: bool = False
    ) -> RedisCache:
        clock = time.monotonic if now is None else lambda: now[0]
        made.append(RedisCache(CacheOptions(url, timeout_seconds=timeout, across_merchants=across), clock))
        return made[-1]

    yield create
    for one in made:
        one.close()


def raw(server: RedisServer) -> redis.Redis:
    return redis.Redis.from_url(server.url)


def about(told: Caption) -> Question:
    return replace(ASKED, reuse_key=told.texts[0].reuse_key)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.005)


def test_another_job_finds_a_text_by_merchant_bytes_and_key(cache: Callable[..., RedisCache]) -> None:
    one, other = cache(), cache()
    assert other.get("shop", SHA, [ASKED]) == []
    one.put("shop", ASKED, TEXT)
    wait_for(lambda: other.get("shop", SHA, [replace(ASKED, reuse_key="another"), ASKED]) == [TEXT])
    assert other.get("another shop", SHA, [ASKED]) == []
    assert other.get("shop", bytes(32), [ASKED]) == []
    one.forget("shop", [TEXT])
    wait_for(lambda: other.get("shop", SHA, [ASKED]) == [])


def test_merchants_share_the_answers_to_general_prompts_where_that_is_asked_for(
    cache: Callable[..., RedisCache], server: RedisServer
) -> None:
    closed, shared = cache(), cache(across=True)
    closed.put("shop", GENERAL, TEXT)
    wait_for(lambda: closed.get("shop", SHA, [GENERAL]) == [TEXT])
    assert closed.get("another shop", SHA, [GENERAL]) == []
    assert shared.get("another shop", SHA, [GENERAL]) == []
    shared.put("shop", ASKED, TEXT)
    shared.put("shop", GENERAL, TEXT)
    wait_for(lambda: shared.get("another shop", SHA, [GENERAL]) == [replace(TEXT, image_id="")])
    assert shared.get("another shop", SHA, [ASKED]) == []  # attributes of the shop entered it
    shared.forget("shop", [TEXT])
    wait_for(lambda: raw(server).dbsize() == 0)


def test_another_merchant_s_image_is_never_named(cache: Callable[..., RedisCache]) -> None:
    first, second = cache(across=True), cache(across=True)
    with rig(cache=first) as r:
        r.lead(LEADER)
        (told,) = captions(r.poll()).values()
    foreign = replace(LEADER, upload=replace(LEADER.upload, image_id="theirs", merchant="another shop"))
    general = replace(about(told), prompt=GENERAL.prompt)
    wait_for(lambda: second.get("another shop", SHA, [general]))
    with rig(cache=second) as r:
        made = only(r.lead(foreign))
        assert isinstance(made, Caption)
        assert made.texts[0].caption == told.texts[0].caption
        assert (made.reused, made.duplicate_of, made.hash_distance) == ((True,), None, 0)
        assert [text.image_id for text in made.texts] == [""]
        assert r.fake.submitted == 0
    titled = replace(foreign, upload=replace(foreign.upload, attributes=(("title", "Mug"),)))
    with rig(cache=second, prompts=library("Describe {title}.")) as r:
        assert r.lead(titled) == []
        r.poll()
        assert r.fake.submitted == 1


def test_texts_end_with_their_time(cache: Callable[..., RedisCache], server: RedisServer) -> None:
    cache().put("shop", ASKED, TEXT)
    wait_for(lambda: raw(server).dbsize() == 1)
    (key,) = raw(server).keys()
    assert 29 * 24 * 3600 < raw(server).ttl(key) <= 30 * 24 * 3600
    assert b"shop" not in key


def test_what_somebody_else_wrote_is_not_used(
    cache: Callable[..., RedisCache], server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    one = cache()
    one.put("shop", ASKED, TEXT)
    wait_for(lambda: raw(server).dbsize() == 1)
    (key,) = raw(server).keys()
    for value in (b"", b"nonsense", AvroCoder(Text).encode(replace(TEXT, sha256=bytes(32)))):
        raw(server).set(key, value)
        assert one.get("shop", SHA, [ASKED]) == []
    assert "a text in the cache cannot be read" in caplog.text


def test_a_server_that_hangs_costs_one_time_out_and_then_nothing(
    cache: Callable[..., RedisCache], caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, caplog.at_level(logging.WARNING):
        now = [0.0]
        one = cache(0.2, f"redis://127.0.0.1:{silent.getsockname()[1]}/0", now)
        before, errors = time.monotonic(), tally().get("cache_errors", 0)
        for _ in range(100):
            assert one.get("shop", SHA, [ASKED]) == []
            one.put("shop", ASKED, TEXT)
        assert time.monotonic() - before < 0.2 + LIMIT
        assert tally()["cache_errors"] - errors == 1
        assert caplog.text.count("the cache does not answer") == 1


def test_a_real_server_that_is_slow_delays_uploads_by_one_time_out_in_all(
    cache: Callable[..., RedisCache], tmp_path: Path
) -> None:
    pause, now = 4.0, [0.0]
    with RedisServer(tmp_path) as own:
        one = cache(0.2, own.url, now)
        one.put("shop", ASKED, TEXT)
        wait_for(lambda: raw(own).dbsize() == 1)
        raw(own).client_pause(int(pause * 1000))  # it takes commands and answers none
        before = time.monotonic()
        with rig(cache=one) as r:
            for n in range(50):
                r.lead(picture(f"i{n}", offset=n), f"g{n}")
            assert [list(captions(r.poll(leader=f"g{n}"))) for n in range(50)] == [[f"i{n}"] for n in range(50)]
        assert time.monotonic() - before < 0.2 + 2 * LIMIT  # of which the server hears nothing: it still pauses
        assert pause > 0.2 + 2 * LIMIT

        def found() -> bool:
            now[0] += 6.0  # it was left alone long enough
            return one.get("shop", SHA, [ASKED]) == [TEXT]

        wait_for(found)


def test_a_server_that_comes_back_is_used_again(cache: Callable[..., RedisCache], tmp_path: Path) -> None:
    now = [0.0]
    own = RedisServer(tmp_path)
    one = cache(LIMIT, own.url, now)
    assert one.get("shop", SHA, [ASKED]) == []
    with own:
        one.put("shop", ASKED, TEXT)
        assert one.get("shop", SHA, [ASKED]) == []  # it is left alone
        now[0] = 6.0
        one.put("shop", ASKED, TEXT)
        wait_for(lambda: one.get("shop", SHA, [ASKED]) == [TEXT])
        own.stop()
        now[0] = 7.0
        assert one.get("shop", SHA, [ASKED]) == []
        own.start()


def test_a_password_is_read_where_the_worker_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Callable[..., RedisCache]
) -> None:
    with RedisServer(tmp_path, "hunter2") as own:
        assert cache(LIMIT, own.url).get("shop", SHA, [ASKED]) == []
        monkeypatch.setenv("CACHE_PASSWORD", "hunter2")
        one = RedisCache(CacheOptions(own.url, "env:CACHE_PASSWORD", timeout_seconds=LIMIT))
        one.put("shop", ASKED, TEXT)
        wait_for(lambda: one.get("shop", SHA, [ASKED]) == [TEXT])
        one.close()


def test_a_second_job_reuses_what_the_first_said(cache: Callable[..., RedisCache]) -> None:
    first, second = cache(), cache()
    with rig(cache=first) as r:
        r.lead(LEADER)
        (told,) = captions(r.poll()).values()
    wait_for(lambda: second.get("shop", SHA, [about(told)]))
    again = replace(LEADER, upload=replace(LEADER.upload, image_id="other"), record=samples.record(9))
    with rig(cache=second) as r:
        made = only(r.lead(again))
        assert isinstance(made, Caption)
        assert made.texts == told.texts
        assert (made.reused, made.duplicate_of, made.hash_distance) == ((True,), "lead", 0)
        assert captions(r.arrive(COPY))["copy"].texts == told.texts  # and so do near copies of it
        assert r.fake.submitted == 0
        assert r.store.cell is not None
        assert r.store.cell.texts == told.texts


def test_only_the_languages_that_are_missing_are_generated(cache: Callable[..., RedisCache]) -> None:
    first, second = cache(), cache()
    with rig(cache=first) as r:
        r.lead(LEADER)
        (told,) = captions(r.poll()).values()
    wait_for(lambda: second.get("shop", SHA, [about(told)]))
    both = picture("lead", languages=("en", "zh-Hans"))
    with rig(cache=second) as r:
        assert r.lead(both) == []
        made = captions(r.poll())["lead"]
        assert made.texts[0] == told.texts[0]
        assert [text.language for text in made.texts] == ["en", "zh-Hans"]
        assert r.fake.submitted == 1


def test_a_text_that_this_job_s_review_refuses_is_not_reused(cache: Callable[..., RedisCache]) -> None:
    first = cache()
    with rig(cache=first) as r:
        r.lead(LEADER)
        (told,) = captions(r.poll()).values()
        bad = replace(told.texts[0], caption="")
        first.put("shop", about(told), bad)
        wait_for(lambda: first.get("shop", SHA, [about(told)]) == [bad])
    with rig(cache=first) as r:
        r.lead(LEADER)
        assert captions(r.poll())["lead"].texts[0].caption == told.texts[0].caption
        assert r.fake.submitted == 1


def test_a_deleted_image_s_texts_leave_the_cache(cache: Callable[..., RedisCache], server: RedisServer) -> None:
    with rig(cache=cache()) as r:
        r.lead(LEADER)
        r.poll()
        wait_for(lambda: raw(server).dbsize() == 1)
        r.arrive(samples.deletion("lead", 5))
        wait_for(lambda: raw(server).dbsize() == 0)


def test_a_text_whose_image_was_deleted_meanwhile_is_not_shared(
    cache: Callable[..., RedisCache], server: RedisServer
) -> None:
    one = cache()
    with rig(cache=one, gated=True) as r:
        r.lead(LEADER)
        r.arrive(samples.deletion("lead", 5))
        r.gate.set()
        assert captions(r.poll())
    one.close()
    assert raw(server).dbsize() == 0


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"url": "redis://:hunter2@host"}, "--cache-password"),
        ({"url": "redis:/user:hunter2@host"}, "--cache-password"),
        ({"url": "redis://host?password=hunter2"}, "--cache-password"),
        ({"url": "redis://host/0#hunter2"}, "--cache-password"),
        ({"url": "http://hunter2"}, "mend --cache$"),
        ({"url": "hunter2"}, "mend --cache$"),
        ({"url": "REDIS://hunter2"}, "mend --cache$"),
        ({"url": "redis:hunter2"}, "mend --cache$"),
        ({"url": "redis://host:hunter2/0"}, "mend --cache$"),
        ({"url": "redis://"}, "mend --cache$"),
        ({"url": "unix://"}, "mend --cache$"),
        ({"url": "redis://host", "password": "hunter2"}, "--cache-password"),
        ({"url": "redis://host", "keep_seconds": 0}, "--cache-ttl"),
        ({"url": "redis://host", "timeout_seconds": 60}, "--cache-timeout"),
    ],
)
def test_options_are_checked_and_no_secret_is_told(bad: dict[str, object], message: str) -> None:
    for good in ("redis://host", "redis://host:6379/3", "rediss://[::1]:6380", "unix:///run/redis.sock"):
        assert CacheOptions(good).url == good
    with pytest.raises(ConfigInvalid, match=message) as raised:
        CacheOptions(**bad)  # type: ignore[arg-type]
    assert "hunter2" not in str(raised.value)


def test_what_is_queued_when_the_process_ends_is_written(server: RedisServer) -> None:
    raw(server).flushall()
    words = (
        "import sys\n"
        "from data import samples\n"
        "from test_cache import ASKED, TEXT\n"
        "from transforms.cache import CacheOptions, cache_for\n"
        "cache = cache_for(CacheOptions(sys.argv[1], timeout_seconds=1))\n"
        "for n in range(50): cache.put(f'shop-{n}', ASKED, TEXT)\n"
    )
    here = Path(__file__).parent
    path = os.pathsep.join((str(here), str(here.parent), str(here.parents[1])))
    subprocess.run([sys.executable, "-c", words, server.url], check=True, env={**os.environ, "PYTHONPATH": path})
    assert raw(server).dbsize() == 50


def test_without_an_address_there_is_none(server: RedisServer) -> None:
    assert cache_for(CacheOptions()) is None
    options = CacheOptions(server.url)
    assert cache_for(options) is cache_for(options)


def test_a_missing_client_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transforms.cache.find_spec", lambda name: None)
    with pytest.raises(ConfigInvalid, match=r"captionstream\[redis\]"):
        require_client()
