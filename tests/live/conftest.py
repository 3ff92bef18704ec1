"""A real broker for the tests in this folder: one for the session, topics of its own for each test."""

import uuid
from collections.abc import Callable, Iterator, Mapping

import pytest

from pipeline.local.jars import fetch, read_lock
from pipeline.local.java import find_java
from pipeline.local.kafka import LocalKafka
from transforms.errors import JarUnavailable, JavaMissing


@pytest.fixture(scope="session")
def kafka() -> Iterator[LocalKafka]:
    """A started broker; tests that stop or break one start their own."""
    try:
        find_java()
        fetch(read_lock())
    except (JavaMissing, JarUnavailable) as error:
        if "not the pinned" in str(error):
            raise
        pytest.skip(f"no local broker here: {error}")
    with LocalKafka() as started:
        yield started


@pytest.fixture
def topics(kafka: LocalKafka) -> Callable[..., dict[str, str]]:
    """``topics({"uploads": 4}, configs)`` creates topics only this test has; it maps its names to theirs."""

    def create(partitions: Mapping[str, int], configs: Mapping[str, Mapping[str, str]] | None = None) -> dict[str, str]:
        names = {name: f"{name}-{uuid.uuid4().hex[:12]}" for name in partitions}
        kafka.create_topics(
            {names[name]: count for name, count in partitions.items()},
            {names[name]: config for name, config in (configs or {}).items()},
        )
        return names

    return create
