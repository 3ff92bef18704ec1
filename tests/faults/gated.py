"""A captioner whose answers a test lets out one by one, from another process: ``--captioner faults.gated:create``.

It talks to the test through files in a folder, which is its ``--model``:

- ``released``: how many answers may leave in all, over every process that ever runs;
- ``left``: a line per answer that left; ``asked``: a line per request that was taken;
- ``tally.json``: what this process has counted, written several times a second.
"""

import json
import os
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from transforms.captioner.api import CaptionerInfo, CaptionerOptions, CaptionRequest, Completion, Generation
from transforms.captioner.fake import fake_text
from transforms.metrics import tally

POLL_SECONDS = 0.02


def create(options: CaptionerOptions) -> "GatedCaptioner":
    return GatedCaptioner(Path(options.model), options.slots)


def hosted(options: CaptionerOptions) -> "object":
    """The same in a process of its own; the worker tells what it has counted, and which process that is."""
    from transforms.captioner.process.captioner import ProcessCaptioner

    made = ProcessCaptioner(replace(options, kind="faults.gated:in_child"))
    threading.Thread(target=_tell_hosted, args=(Path(options.model), made), daemon=True).start()
    return made


def in_child(options: CaptionerOptions) -> "GatedCaptioner":
    return GatedCaptioner(Path(options.model), options.slots, name="held.json")


def _tell_hosted(folder: Path, made: "object") -> None:
    while True:
        held = json.loads((folder / "held.json").read_text()) if (folder / "held.json").exists() else {}
        if held.get("pid") == made.pid:
            words = {**tally(), "held": held["held"], "pid": os.getpid(), "child": made.pid}
            (folder / "tally.new").write_text(json.dumps(words))
            (folder / "tally.new").replace(folder / "tally.json")
        time.sleep(0.05)


class GatedCaptioner:
    def __init__(self, folder: Path, slots: int, name: str = "tally.json") -> None:
        self.info = CaptionerInfo("gated", "1", slots)
        self._folder, self._name = folder, name
        self._queue: list[tuple[CaptionRequest, Future[Generation]]] = []
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def submit(self, request: CaptionRequest) -> Future[Generation]:
        future: Future[Generation] = Future()
        with self._lock:
            self._queue.append((request, future))
        note(self._folder / "asked", request.request_id)
        return future

    def close(self) -> None:
        self._closed = True
        self._thread.join()
        for _, future in self._queue:
            future.cancel()

    def _work(self) -> None:
        told = 0.0
        while not self._closed:
            if time.monotonic() - told > 0.05:
                told = time.monotonic()
                self._tell()
            with self._lock:
                may = number(self._folder / "released") - lines(self._folder / "left")
                leaving, self._queue = self._queue[: max(may, 0)], self._queue[max(may, 0) :]
            for request, future in leaving:
                note(self._folder / "left", request.request_id)
                texts = [fake_text(request, prompt) for prompt in request.prompts]
                future.set_result(Generation(tuple(Completion(t, "stop", 1, len(t.split())) for t in texts), 1))
            if not leaving:
                time.sleep(POLL_SECONDS)

    def _tell(self) -> None:
        with self._lock:
            held = len(self._queue)
        made = self._folder / f"tally-{os.getpid()}"
        made.write_text(json.dumps({**tally(), "held": held, "pid": os.getpid()}))
        made.replace(self._folder / self._name)


def note(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(line + "\n")


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def number(path: Path) -> int:
    text = path.read_text() if path.exists() else ""
    return int(text) if text else 0


def tiny_with_oom(options: CaptionerOptions) -> "object":
    """The real tiny model, whose first batch waits for the gate and then finds no memory, once over all processes."""
    import torch

    from transforms.captioner.huggingface import HuggingFaceCaptioner

    torch.set_num_threads(1)
    folder = Path(options.model)
    made = HuggingFaceCaptioner(replace(options, kind="huggingface", model="tiny", slots=8))
    generate, submit = made._model.generate, made.submit
    teller = threading.Thread(target=_tell_tally, args=(folder, made), daemon=True)

    def short_of_memory(**inputs: object) -> object:
        while not number(folder / "released"):
            time.sleep(POLL_SECONDS)
        if not lines(folder / "oom"):
            note(folder / "oom", f"{len(inputs['input_ids'])} rows")
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return generate(**inputs)

    def counted(request: CaptionRequest) -> Future[Generation]:
        note(folder / "asked", request.request_id)
        return submit(request)

    made._model.generate = short_of_memory
    made.submit = counted
    teller.start()
    return made


def _tell_tally(folder: Path, captioner: object) -> None:
    while True:
        made = folder / f"tally-{os.getpid()}"
        made.write_text(json.dumps({**tally(), "held": lines(folder / "asked"), "pid": os.getpid()}))
        made.replace(folder / "tally.json")
        time.sleep(0.1)
