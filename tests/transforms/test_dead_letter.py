from dataclasses import replace

import pytest
from data.samples import NEW_YEAR_MS, record

from transforms.dead_letter import MAX_MESSAGE, MAX_STACKTRACE, attempt_of, dead_letter, encode
from transforms.errors import ImageMissing, ImageUnreadable, StageFailed
from transforms.values import Header, Outgoing

SECRET = "?token=" + "abc"  # put together, so that no source line in a stack trace holds it
MESSAGE = "file `x.jpg` is not there; upload it again"
NOW = 1_800_000_000_250
NAMES = [
    "__connect.errors.topic",
    "__connect.errors.partition",
    "__connect.errors.offset",
    "__connect.errors.stage",
    "__connect.errors.class.name",
    "__connect.errors.exception.class.name",
    "__connect.errors.exception.message",
    "__connect.errors.exception.stacktrace",
    "caption.error.code",
    "caption.error.retryable",
    "caption.error.attempt",
    "caption.run.id",
    "caption.error.time",
]


def added(sent: Outgoing, before: int = 0) -> dict[str, str]:
    return {header.name: (header.value or b"").decode() for header in sent.headers[before:]}


def test_the_original_record_is_untouched() -> None:
    source = record(9, b"\xff\x00key", b"\x00not avro\xff", {"a": b"\xfe", "null": None, "empty": b""}, partition=3)
    sent = encode(dead_letter(source, "Fetch image", ImageMissing(MESSAGE)), "dead", "run-1", NOW)
    assert sent.topic == "dead"
    assert (sent.key, sent.value, sent.timestamp_ms) == (
        b"\xff\x00key",
        b"\x00not avro\xff",
        NEW_YEAR_MS + 9000,
    )
    assert sent.headers[:3] == (Header("a", b"\xfe"), Header("null", None), Header("empty", b""))
    assert sent.origin is source


def test_null_key_and_value_stay_null() -> None:
    sent = encode(dead_letter(record(key=None, value=None), "Decode event", ImageMissing(MESSAGE)), "dead", "r", NOW)
    assert (sent.key, sent.value) == (None, None)


def test_header_names_and_values_in_order() -> None:
    source = record(9, partition=3, headers={"mine": b"1"})
    sent = encode(dead_letter(source, "Fetch image", ImageMissing(MESSAGE)), "dead", "run-1", NOW)
    headers = added(sent, before=1)
    assert list(headers) == NAMES
    assert list(headers.values()) == [
        "uploads",
        "3",
        "9",
        "Fetch image",
        "captionstream/Fetch image",
        "transforms.errors.ImageMissing",
        MESSAGE,
        "",
        "image_missing",
        "false",
        "0",
        "run-1",
        "2027-01-15T08:00:00.250Z",
    ]


def test_a_retryable_error_says_so() -> None:
    sent = encode(dead_letter(record(), "Fetch image", ImageUnreadable(MESSAGE)), "dead", "r", NOW)
    assert added(sent)["caption.error.retryable"] == "true"
    assert added(sent)["caption.error.code"] == "image_unreadable"


def test_a_long_message_is_cut() -> None:
    letter = dead_letter(record(), "s", ImageMissing("红" * 5000))
    assert letter.message == "红" * MAX_MESSAGE
    assert len(encode(letter, "dead", "r", NOW).headers[6].value or b"") == 3 * MAX_MESSAGE


def test_what_utf8_cannot_hold_is_escaped() -> None:
    sent = encode(dead_letter(record(), "s", ImageMissing("file `\udcff.jpg`")), "dead", "r", NOW)
    assert added(sent)["__connect.errors.exception.message"] == "file `\\udcff.jpg`"


def failed() -> StageFailed:
    """A chain of three exceptions whose texts hold a secret."""
    try:
        try:
            try:
                raise OSError(f"http://shop/1.jpg{SECRET}")
            except OSError as cause:
                raise ValueError(f"bad {SECRET}") from cause
        except ValueError:
            raise StageFailed("`Fetch image` failed") from KeyError(SECRET)
    except StageFailed as error:
        return error


def test_no_secret_of_a_chained_cause_gets_out() -> None:
    letter = dead_letter(record(), "Fetch image", failed())
    assert "in failed" in letter.stacktrace
    assert SECRET not in letter.stacktrace + letter.message
    sent = encode(letter, "dead", "r", NOW)
    assert not [header.name for header in sent.headers if SECRET.encode() in (header.value or b"")]


def dig(depth: int) -> None:
    if depth:
        dig_on(depth - 1)
    raise ImageMissing(MESSAGE)


def dig_on(depth: int) -> None:
    """Two functions that take turns: Python folds the frames of one that calls itself."""
    dig(depth)


def test_a_deep_stack_is_cut_to_its_end() -> None:
    with pytest.raises(ImageMissing) as raised:
        dig(200)
    letter = dead_letter(record(), "s", raised.value)
    assert len(letter.stacktrace) == MAX_STACKTRACE
    assert "raise ImageMissing(MESSAGE)" in letter.stacktrace[-100:]


@pytest.mark.parametrize(
    ("value", "attempt"),
    [(b"3", 3), (b"0", 0), (b"", 0), (None, 0), (b"-1", 0), (b"x", 0), (b"\xff", 0), (b"9" * 5000, 0)],
)
def test_the_attempt_comes_from_the_record(value: bytes | None, attempt: int) -> None:
    source = record(headers={"caption.error.attempt": value})
    assert attempt_of(source) == attempt
    sent = encode(dead_letter(source, "s", ImageMissing(MESSAGE)), "dead", "r", NOW)
    assert added(sent, before=1)["caption.error.attempt"] == str(attempt)


def test_the_last_attempt_counts() -> None:
    headers = (Header("caption.error.attempt", b"1"), Header("caption.error.attempt", b"2"))
    assert attempt_of(type(record())("t", 0, 0, 0, None, None, headers)) == 2


def test_headers_of_an_earlier_failure_are_replaced() -> None:
    first = encode(dead_letter(record(9, headers={"mine": b"1"}), "s", ImageMissing(MESSAGE)), "dead", "r1", NOW)
    resent = replace(record(77), headers=(*first.headers, Header("caption.origin", b"uploads/0/9")))
    second = encode(dead_letter(resent, "s", ImageUnreadable(MESSAGE)), "dead", "r2", NOW + 1)
    assert [header.name for header in second.headers] == ["mine", *NAMES]
    assert added(second)["caption.error.code"] == "image_unreadable"
    assert added(second)["__connect.errors.offset"] == "9"
    assert added(second)["caption.run.id"] == "r2"
    assert added(second)["caption.error.time"] == "2027-01-15T08:00:00.251Z"
