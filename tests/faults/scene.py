"""A job on a real cluster with its topics, a gated captioner, and a consumer that reads during the trouble."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from faults.gated import lines
from faults.promises import Published, Texts, check_promises, texts_of
from faults.uploads import Uploads
from faults.watch import Watch
from kafka import TopicPartition
from live.shop import Shop

from pipeline.config import Topics
from pipeline.kafka.connection import consumer
from pipeline.kafka.offsets import resolve
from pipeline.local.flink import LocalFlink
from pipeline.local.flink_job import FlinkJob
from pipeline.local.kafka import LocalKafka
from pipeline.local.worker_pool import WorkerPool
from pipeline.runners.embedded import run_embedded
from transforms.captioner.api import CaptionerOptions
from transforms.fetch import FetchLimits
from transforms.values import KafkaRecord

ROOT = Path(__file__).parents[2]
LIMIT = 90.0
"""Seconds that any wait may take on a loaded machine."""
PARTITIONS = 4


@dataclass
class Scene:
    """Everything a fault case needs. ``rng`` is seeded: the moment of the fault comes from it."""

    kafka: LocalKafka
    flink: LocalFlink
    pool: WorkerPool
    folder: Path
    name: str
    rng: random.Random
    captioner: str = "faults.gated:create"
    fetch: FetchLimits = field(default_factory=FetchLimits)
    """Of the run without a fault; the job is told by options."""

    def __post_init__(self) -> None:
        self.names = {role: f"{role}-{self.name}" for role in ("uploads", "captions", "dead", "audit")}
        self.kafka.create_topics(
            {
                self.names["uploads"]: PARTITIONS,
                self.names["captions"]: 4,
                self.names["dead"]: 1,
                self.names["audit"]: 4,
            }
        )
        self.shop = Shop(self.kafka.bootstrap_servers, self.names)
        self.gate = self.folder / "gate"
        self.gate.mkdir()
        self.uploads = Uploads(self.shop, self.names["uploads"], PARTITIONS, self.rng)
        self._runs: list[subprocess.Popen[bytes]] = []
        self._jobs: list[str] = []
        self.watch = Watch(self.shop.kafka, (self.names["captions"], self.names["dead"]))

    # The job

    def start(self, *more: str, beam: tuple[str, ...] = (), unchecked: bool = False) -> FlinkJob:
        """``captionstream run`` on the cluster; returns once the job is known there.

        ``unchecked`` lets through what it would refuse.
        """
        program = ("-m", "pipeline.cli")
        if unchecked:
            skip = "import sys, pipeline.runners.submit as s; s.check = lambda *_: None; from pipeline.cli import main"
            program = ("-c", f"{skip}; sys.exit(main())")
        defaults = ("--checkpointing_interval=2000", "--state_backend_storage_path=" + self.checkpoints.as_uri())
        command = [
            *(sys.executable, *program, "run", "--bootstrap-servers", self.kafka.bootstrap_servers),
            *("--topic", self.names["uploads"], "--captions-topic", self.names["captions"]),
            *("--dead-letters-topic", self.names["dead"], "--audit-topic", self.names["audit"]),
            *("--group", self.name, "--job-name", self.name, "--job-endpoint", self.flink.endpoint),
            *("--environment", f"external:{self.pool.endpoint}", "--checkpoint-dir", str(self.checkpoints)),
            *("--captioner", self.captioner, "--model", str(self.gate), "--slots", "256", "--prompts", "tiny"),
            *more,
        ]
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
        log = (self.folder / f"run-{len(self._runs)}.log").open("wb")
        process = subprocess.Popen(
            [*command, "--", *defaults, *beam], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        self._runs.append(process)
        deadline = time.monotonic() + LIMIT
        while b"is submitted" not in (said := Path(log.name).read_bytes()):
            assert process.poll() is None, said.decode()
            assert time.monotonic() < deadline, f"not submitted in {LIMIT} s: {said.decode()}"
            time.sleep(0.1)
        while (job := self.flink.job(self.name)).id in self._jobs:  # the one before, until the new one is up
            assert time.monotonic() < deadline, f"no new job in {LIMIT} s"
            time.sleep(0.1)
        self._jobs.append(job.id)
        self.job = job
        return job

    def said(self) -> str:
        """What the command has printed, over all its runs."""
        return "".join(log.read_text() for log in self.folder.glob("run-*.log"))

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    def release(self, count: int | None = None) -> None:
        """Let so many answers out in all; None: all there will ever be."""
        path = self.gate / "released"
        path.with_suffix(".new").write_text(str(10**9 if count is None else count))
        path.with_suffix(".new").replace(path)

    def tally(self) -> Mapping[str, int]:
        """What the worker has counted a moment ago: wait for numbers, do not ask once."""
        path = self.gate / "tally.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def committed(self) -> int:
        """Sum of the group's committed offsets: all that tools outside the job see of it."""
        client = consumer(self.shop.kafka, group_id=self.name)
        try:
            places = [TopicPartition(self.names["uploads"], number) for number in range(PARTITIONS)]
            return sum(client.committed(place) or 0 for place in places)
        finally:
            client.close()

    def asked(self) -> int:
        """Requests that any captioner was given."""
        return lines(self.gate / "asked")

    def wait(self, condition: Callable[[], bool], what: str, limit: float = LIMIT) -> None:
        """Return once it holds."""
        deadline = time.monotonic() + limit
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"not in {limit:g} s: {what}; tally {dict(self.tally())}, captions {len(self.watch.seen)}, job "
                    f"{self.job.state()}, {self.job.checkpoints()}, {self.job.failures()[:2]}"
                )
            time.sleep(0.05)

    def wait_for_checkpoint(self, more: int = 1) -> None:
        """Return after so many further checkpoints."""
        done = self.job.checkpoints().completed
        self.wait(lambda: self.job.checkpoints().completed >= done + more, "a further checkpoint")

    def take_checkpoint(self) -> None:
        """Have one taken now, and return after it."""
        done = self.job.checkpoints().completed
        self.job.rest.post(f"/jobs/{self.job.id}/checkpoints", {"checkpointType": "CONFIGURED"})
        self.wait(lambda: self.job.checkpoints().completed > done, "the checkpoint asked for")

    def wait_for_all(self) -> None:
        """Return once every upload is captioned or dead."""
        wanted = set(self.uploads.ids) | set(self.uploads.poisoned)
        self.wait(lambda: wanted <= self.watch.seen, f"all {len(wanted)} uploads came out")

    def hold(self, leaders: int, copies: int) -> int:
        """Upload, and return once all generations are pending and all duplicates wait; gives what is pending.

        Where nothing was pending before, a seeded share of the answers leaves first.
        """
        before = dict(self.tally())
        held, read = before.get("held", 0), before.get("uploads_read", 0)
        let_out = 0 if held else self.rng.randrange(leaders // 2)
        self.release(lines(self.gate / "left") + let_out)
        ids = self.uploads.leaders(leaders)
        wanted = held + leaders - let_out
        self.wait(lambda: self.tally().get("uploads_read", 0) >= read + leaders, "leaders are read")
        self.wait(lambda: self.tally()["held"] == wanted, f"{wanted} generations are pending")
        self.wait(lambda: len(self.watch.seen & set(ids)) >= let_out, "what was let out is published")
        waiting = self.tally().get("waited", 0) + copies
        self.uploads.copies([image_id for image_id in ids if image_id not in self.watch.seen], copies)
        self.wait(lambda: self.tally().get("waited", 0) == waiting, f"{copies} duplicates wait")
        assert self.tally()["held"] == wanted
        return wanted

    # What came out

    def published(self) -> Published:
        """The topics as they are now."""
        return Published(self.shop.raw("captions"), self.shop.raw("dead"), self.shop.raw("audit"))

    def settled(self, role: str) -> list[KafkaRecord]:
        """A topic once a checkpoint has passed without another record in it."""
        while True:
            before = len(self.shop.raw(role))
            self.wait_for_checkpoint(2)
            if len(found := self.shop.raw(role)) == before:
                return found

    def expected(self) -> Texts:
        """What a run without a fault says of the same uploads, on the embedded runner, into other topics."""
        names = {role: f"calm-{role}-{self.name}" for role in ("captions", "dead", "audit")}
        self.kafka.create_topics(dict.fromkeys(names.values(), 1))
        (self.folder / "calm").mkdir()
        (self.folder / "calm" / "released").write_text(str(10**9))
        base = self.shop.config()
        config = replace(
            base,
            topics=Topics(*names.values()),
            fetch=self.fetch,
            captioner=CaptionerOptions(model="tiny")
            if "tiny" in self.captioner
            else replace(base.captioner, kind=self.captioner, model=str(self.folder / "calm"), slots=256),
        )
        run_embedded(config, resolve(config.kafka, config.uploads))
        calm = Shop(self.kafka.bootstrap_servers, {**self.names, **names})
        found = texts_of(calm.raw("captions"))
        return {image_id: wordings.pop() for image_id, wordings in found.items()}

    def check(self, pending: int = 0) -> None:
        """All promises; ``pending`` generations were lost with a process and may have been asked twice."""
        check_promises(self.published(), self.expected(), self.uploads.poisoned)
        distinct = len({image_id.partition("-")[0] for image_id in self.uploads.ids})
        answers = lines(self.gate / "left") or self.tally().get("generations", 0)
        assert answers <= distinct + pending, "generations beyond inputs and retries"
        self.watch.check()

    def close(self) -> None:
        """End the job and its client."""
        self.watch.close()
        if hasattr(self, "job") and self.job.state() not in ("FINISHED", "FAILED", "CANCELED"):
            self.job.cancel()
            self.wait(lambda: self.job.state() in ("FINISHED", "FAILED", "CANCELED"), "the job is cancelled")
        for run in self._runs:
            if run.poll() is None:
                run.send_signal(signal.SIGTERM)
            run.wait(LIMIT)
