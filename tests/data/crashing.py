"""Captioners for a process of their own: ``data.crashing:create`` and the like. Their ``--model`` is a folder."""

import os
import signal
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from transforms.captioner.api import CaptionerOptions, CaptionRequest, Completion, Generation
from transforms.captioner.fake import FakeCaptioner
from transforms.errors import CaptionerBroken, ImageCorrupt, ModelUnavailable


class Crashing(FakeCaptioner):
    """Dies of ``die`` pictures, and once of ``die once``; ``late`` ones take a while, ``slow`` ones for ever."""

    def __init__(self, options: CaptionerOptions) -> None:
        super().__init__(slots=options.slots)
        self._folder = Path(options.model)

    def submit(self, request: CaptionRequest) -> Future[Generation]:
        with (self._folder / "asked").open("a") as file:
            file.write(f"{request.request_id} {os.getpid()} {len(request.image)}\n")
        word = request.image[:16].rstrip(b"\0").decode()
        future: Future[Generation]
        if word == "die" or (word == "die once" and not (self._folder / "died").exists()):
            (self._folder / "died").touch()
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGKILL)).start()
            return Future()
        if word == "broken once" and not (self._folder / "broke").exists():
            (self._folder / "broke").touch()
            future = Future()
            future.set_exception(CaptionerBroken("the card fell off the bus"))
            return future
        if word == "slow":
            return Future()
        if word.startswith("late"):
            later: Future[Generation] = Future()
            threading.Timer(0.4, later.set_result, (Generation((Completion(word, "stop", 1, 1),), 1),)).start()
            return later
        if word == "bad":
            raise ImageCorrupt("it is `bad`")
        if word == "odd":
            raise type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory")
        if word == "length":
            future = Future()
            future.set_result(Generation((Completion(str(sum(request.image)), "stop", 1, 1),), 1))
            return future
        return super().submit(request)


def create(options: CaptionerOptions) -> Crashing:
    return Crashing(options)


def never_loads(options: CaptionerOptions) -> Crashing:
    raise ModelUnavailable(f"model `{options.model}` is not there")


def dies_loading(options: CaptionerOptions) -> Crashing:
    os._exit(7)


def loads_badly_again(options: CaptionerOptions) -> Crashing:
    """Only the first process comes up; the others raise what is no error of ours."""
    first = Path(options.model) / "first"
    if first.exists():
        raise RuntimeError("CUDA out of memory")
    first.touch()
    return Crashing(options)


def loads_slowly_again(options: CaptionerOptions) -> Crashing:
    """All but the first process wait for a file ``go``, after they have left one ``waits``."""
    folder = Path(options.model)
    if (folder / "first").exists():
        (folder / "waits").touch()
        while not (folder / "go").exists():
            time.sleep(0.01)
    (folder / "first").touch()
    return Crashing(options)


class Doomed(Crashing):
    """Dies of any request."""

    def submit(self, request: CaptionRequest) -> Future[Generation]:
        return super().submit(replace(request, image=b"die"))


def doomed(options: CaptionerOptions) -> Crashing:
    return Doomed(options)


def dies_loading_again(options: CaptionerOptions) -> Crashing:
    """Only the first process comes up."""
    first = Path(options.model) / "first"
    if first.exists():
        raise ModelUnavailable("the card is gone")
    first.touch()
    return Crashing(options)
