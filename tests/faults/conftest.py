"""One broker, one Flink cluster and one pool of workers for all fault cases; each case has its topics and job."""

import os
import random
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults.scene import Scene
from live.conftest import kafka
from live.flink_servers import flink_jars, worker_pool

from pipeline.local.flink import LocalFlink
from pipeline.local.kafka import LocalKafka
from pipeline.local.worker_pool import WorkerPool

__all__ = ["flink_jars", "kafka", "worker_pool"]

SEEDS = [int(seed) for seed in os.environ.get("FAULT_SEEDS", "1").split(",")]
"""``make test-faults SEEDS=1,2,3`` runs every case three times."""


QUICK = (
    *("mid_generation", "sdk_worker", "captioner_s_process", "broker_stopped", "with_savepoint", "comes_out"),
    *("deletion_while", "warm", "host_hangs"),
)
"""Part of the names of the cases that `make test` runs; `make test-faults` runs all."""
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.broker)
            item.add_marker(pytest.mark.flink)
            if not any(part in item.name for part in QUICK):
                item.add_marker(pytest.mark.slow)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", SEEDS)


@pytest.fixture(scope="session")
def flink_cluster(flink_jars: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalFlink]:
    """A cluster that keeps older checkpoints, for cases that go back to one."""
    settings = {"state.checkpoints.num-retained": "10", "restart-strategy.fixed-delay.attempts": "200"}
    with LocalFlink(settings=settings, keep_logs=tmp_path_factory.mktemp("flink")) as flink:
        yield flink


@pytest.fixture
def scene(
    seed: int, kafka: LocalKafka, flink_cluster: LocalFlink, worker_pool: WorkerPool, tmp_path: Path
) -> Iterator[Callable[..., Scene]]:
    """``scene(captioner=…)`` sets up a case; everything ends with the test."""
    made: list[Scene] = []

    def create(broker: LocalKafka = kafka, **more: object) -> Scene:
        name = uuid.uuid4().hex[:10]
        made.append(Scene(broker, flink_cluster, worker_pool, tmp_path, name, random.Random(seed), **more))
        return made[-1]

    yield create
    for one in made:
        one.close()
