"""The story for a person at a terminal: a paragraph for everything that happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.audit.story import Story, Told, is_generated
from pipeline.inspect.said import picture, said, words_of
from pipeline.report.words import duration
from pipeline.terminal import printable
from transforms.cloudevents import moment

_WIDTH = 9


def shown(story: Story, image_id: str, records: int) -> str:
    """The whole story."""
    if not story.told:
        return f"nothing of image {printable(image_id)} is in these topics; {records:,} records were read"
    captions = sum(one.entry.kind == "caption" for one in story.told)
    letters = sum(one.entry.kind == "dead letter" for one in story.told)
    head = f"image {image_id}: {story.answers} answers of the model, {captions} captions, {letters} dead letters"
    if story.left_out:
        head += f"; {story.left_out:,} older records are left out"
    paragraphs = ["\n".join(printable(line) for line in _lines(one)) for one in story.told]
    return "\n\n".join([printable(head), *paragraphs, _ending(story)])


def _ending(story: Story) -> str:
    if story.unaudited:
        return (
            f"{story.unaudited} published texts have no audit record in these topics: it is older than --from or than "
            "the topic's retention, or somebody else wrote the caption"
        )
    return "every published text has its audit record"


def _lines(one: Told) -> Iterator[str]:
    entry = one.entry
    again = f", written {one.times} times" if one.times > 1 else ""
    yield f"{moment(entry.time_ms)}  {_title(one)}{again}"
    value = entry.value
    if entry.kind == "answer" and value is not None and "audit_id" in value:
        yield from _answer(value, is_generated(entry))
    elif entry.kind == "caption" and value is not None and "event_id" in value:
        yield _field("event", f"{value['event_id']}, run {value['run_id']}{', a replay' if value['is_replay'] else ''}")
        for text in value["texts"]:
            mark = "  (no audit record)" if text["language"] in one.unaudited else ""
            yield _field(text["language"], f"{text['verdict']} {words_of(text)}{mark}")
    elif entry.kind == "dead letter" and value is not None and "code" in value:
        yield _field("of", f"{entry.source}, run {value['run_id']}")
        yield _field("says", f"{value['message']} ({'retryable' if value['retryable'] else 'not retryable'})")
    elif entry.kind == "upload" and value is not None and "image_id" in value:
        yield _field(
            "asks", f"{value['task']} in {', '.join(value['languages'])}, for {value['merchant'] or 'no merchant'}"
        )
        yield _field("picture", picture(value))
    yield _field("record", str(entry.place))


def _title(one: Told) -> str:
    entry, value = one.entry, one.entry.value or {}
    if entry.kind == "answer" and "audit_id" in value:
        rules = f" ({', '.join(value['rules'])})" if value["rules"] else ""
        if value["origin"] == "REUSED":
            return f"text used again in {value['language']}: {value['verdict']}{rules}"
        if value["verdict"] == "FALLBACK":
            return f"text from attributes in {value['language']}: FALLBACK{rules}"
        return f"answer {value['attempt'] + 1} in {value['language']}: {value['verdict']}{rules}"
    if entry.kind == "caption" and "event_id" in value:
        return f"caption published, {value['origin']}"
    if entry.kind == "dead letter" and "code" in value:
        return f"dead letter {value['code']}, attempt {value['attempt'] + 1}, at {value['stage']}"
    if entry.kind == "upload" and "image_id" in value:
        return "upload"
    return f"{entry.kind}: {said(entry)}"


def _answer(value: Mapping[str, Any], generated: bool) -> Iterator[str]:
    source = value["source"]
    place = f"{source['topic']}/{source['partition']}/{source['offset']}"
    yield _field("asked by", f"{place}, run {value['run_id']}, event {value['event_id']}")
    yield _field("picture", f"sha256 {value['content_sha256']}")
    if value["origin"] == "REUSED":
        yield _field("from", value["duplicate_of"] or "a picture that is not named: it may be another merchant's")
    yield _field("prompt", f"{value['prompt_id']} {value['prompt_version']}, rendered sha256 {value['prompt_sha256']}")
    yield _field("model", f"{value['model']} {value['model_revision']}".strip() + f", {_sampling(value)}")
    if value["verdict"] != "FALLBACK":
        tokens = f"{value['input_tokens']:,} tokens in, {value['output_tokens']:,} out, {value['finish_reason']}"
        then = "" if generated else ", when it was written"
        yield _field("cost", f"{tokens}, {duration(value['generation_ms'])}{then}")
    yield _field("policy", value["policy_version"])
    yield _field("text", _text(value))


def _sampling(value: Mapping[str, Any]) -> str:
    if value["temperature"] == 0:
        return "greedy"
    return f"temperature {value['temperature']:g}, top_p {value['top_p']:g}, seed {value['seed']}"


def _text(value: Mapping[str, Any]) -> str:
    if value["text"]:
        return str(value["text"])
    return f"not kept (--audit-texts), sha256 {value['text_sha256']}"


def _field(name: str, value: str) -> str:
    return f"    {name:<{_WIDTH}} {value}"
