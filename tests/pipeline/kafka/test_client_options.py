"""Settings of the Kafka clients that a user may add."""

import pytest
from kafka import KafkaConsumer, KafkaProducer

from pipeline.kafka.client_options import for_client, parse_client_options
from pipeline.kafka.connection import KafkaOptions
from transforms.errors import ConfigInvalid


def test_each_client_gets_what_it_knows() -> None:
    options = parse_client_options(
        ["fetch.max.wait.ms=100", "linger_ms=7", "request_timeout_ms=900", "check_crcs=false"]
    )
    assert KafkaOptions(client_options=options).client_options == options
    assert for_client(options, KafkaConsumer) == {
        "fetch_max_wait_ms": 100,
        "request_timeout_ms": 900,
        "check_crcs": False,
    }
    assert for_client(options, KafkaProducer) == {"linger_ms": 7, "request_timeout_ms": 900}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("enable_auto_commit=true", "`enable_auto_commit=True` is refused: it would call uploads finished that are"),
        ("enable.auto.commit=true", "it would call uploads finished that are still pending"),
        ("group_id=x", "the group is named with --group"),
        ("acks=0", "`acks=0` is refused: a caption counts as written when all replicas have it"),
        ("isolation_level=read_uncommitted", "records of aborted transactions are never read"),
        ("sasl_plain_password=x", "`sasl_plain_password` is refused: security has options of its own"),
        ("fetch_max=1", "`fetch_max` is no setting of kafka-python's clients; mend --kafka-option"),
    ],
)
def test_what_would_break_a_promise_is_refused(given: str, words: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        KafkaOptions(client_options=parse_client_options([given]))
    assert words in caught.value.message


@pytest.mark.parametrize("given", ["fetch_max_wait_ms", "=3", "A=1"])
def test_a_pair_is_a_pair(given: str) -> None:
    with pytest.raises(ConfigInvalid, match="is not NAME=VALUE; mend --kafka-option"):
        parse_client_options([given])
