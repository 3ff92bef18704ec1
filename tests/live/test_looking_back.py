"""`report`, `inspect` and `audit` on a real broker, over topics that the job itself wrote."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from data.html_page import Page
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient
from live.shop import Shop, near_copy, product_png

from pipeline.cli import main
from pipeline.config import Topics
from pipeline.inspect.find import partition_of
from pipeline.kafka.offsets import resolve
from pipeline.kafka.positions import Uploads
from pipeline.local.kafka import LocalKafka
from pipeline.runners.embedded import run_embedded
from schemas.codec import Encoder
from transforms import inflight
from transforms.captioner.api import CaptionerOptions, CaptionRequest, RenderedPrompt
from transforms.captioner.fake import FakeCaptioner
from transforms.inflight import Inflight

pytestmark = pytest.mark.broker

MUG, HAT, NEVER, GONE, TEL = (product_png(n) for n in range(1, 6))
CAPTIONER = CaptionerOptions(kind="fake", model="looking-back")


def script(request: CaptionRequest, prompt: RenderedPrompt) -> str | None:
    """The hat's first answer is bad, some pictures' every one; another one tells a phone number."""
    if request.image == NEVER or (request.image == HAT and request.sampling.greedy):
        return "!" * 40
    if request.image == TEL:
        return "A red mug of good make for tea and coffee, to order it call +86 138 1234 5678 today."
    return None


class Scene(Shop):
    """Two runs over everything that can become of an upload."""

    places: dict[str, tuple[int, int]]

    def play(self) -> None:
        """Upload and caption it all, twice."""
        inflight.preload(CAPTIONER, Inflight(FakeCaptioner(script=script, delay=0.02)))
        encode = Encoder("image_upload").encode
        event = {"uploaded_at": 1_700_000_000_000, "merchant": "m"}
        odd = encode({**event, "image_id": "odd", "image": product_png(9)})
        # Of another image, although it lies under the mug's key and has its id in a title.
        other = encode({**event, "image_id": "other", "uri": "https://h.example/2", "attributes": {"title": "mug"}})
        events: dict[str, dict[str, Any] | tuple[bytes | None, bytes | None]] = {
            "mug": {"image_id": "mug", "image": MUG, "category": "home"},
            "mug-copy": {"image_id": "mug-copy", "image": near_copy(MUG), "category": "home"},
            "hat": {"image_id": "hat", "image": HAT, "languages": ["en"]},
            "never": {"image_id": "never", "image": NEVER, "languages": ["en"]},
            "tel": {"image_id": "tel", "image": TEL, "languages": ["en"]},
            "by-address": {"image_id": "by-address", "uri": "https://u5er:pa55@h.example/1.jpg?token=s3cret"},
            "broken": (b"broken", b"not avro"),
            "odd": (b"another key", odd),
            "other": (b"mug", other),
            "del": {"image_id": "del", "image": GONE, "merchant": ""},
            "deletion": (b"del", None),
        }
        self.places = dict(zip(events, self.upload(*events.values()), strict=True))
        for _ in range(2):
            base = self.config(captioner=CAPTIONER)
            topics = Topics(*self.topics.names, cache=self.names["cache"])
            cached = tuple(resolve(base.kafka, Uploads((self.names["cache"],))))
            run_embedded(replace(base, topics=topics, cached=cached), resolve(base.kafka, base.uploads))

    def told(self) -> list[str]:
        """What every command is told."""
        named = {"--captions-topic": "captions", "--dead-letters-topic": "dead", "--audit-topic": "audit"}
        topics = [word for option, name in named.items() for word in (option, self.names[name])]
        return ["--bootstrap-servers", self.servers, *topics]

    def place(self, event: str) -> str:
        """Coordinates of an event."""
        partition, offset = self.places[event]
        return f"{self.names['uploads']}/{partition}/{offset}"


@pytest.fixture(scope="module")
def scene(kafka: LocalKafka) -> Iterator[Scene]:
    names = {name: f"looking-back-{name}" for name in ("uploads", "captions", "dead", "audit", "cache")}
    kafka.create_topics(
        {names["uploads"]: 2, names["captions"]: 3, names["dead"]: 1, names["audit"]: 2, names["cache"]: 1}
    )
    scene = Scene(kafka.bootstrap_servers, names)
    scene.play()
    groups = _groups(scene)
    yield scene
    assert _groups(scene) == groups


def _groups(scene: Scene) -> set[str]:
    admin = KafkaAdminClient(bootstrap_servers=scene.servers)
    try:
        return {str(group) for group in admin.list_groups()}
    finally:
        admin.close()


@pytest.fixture
def command(scene: Scene, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command on the scene's topics; returns what it printed."""

    def run(*words: str, code: int = 0) -> str:
        capsys.readouterr()
        assert main([words[0], *scene.told(), *words[1:]]) == code
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return said.out if code == 0 else said.out + said.err

    return run


def lines(printed: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed.splitlines()]


def test_report_counts_what_the_job_did(command: Callable[..., str]) -> None:
    told = json.loads(command("report", "--json", "--gpu-hour-price", "2.5"))
    assert (told["captions"], told["repeats"], told["reused"]) == (6, 6, 1)
    assert told["replayed"] == 6
    assert told["withdrawn"] >= 2
    assert told["by_language"] == {"en": 6, "zh-Hans": 4}
    assert told["by_category"] == {"": 4, "home": 2}
    assert {code["code"]: code["uploads"] for code in told["by_code"]} == {
        "caption_rejected": 1,
        "event_undecodable": 1,
        "source_forbidden": 2,
    }
    assert (told["dead_letters"], told["dead_letters_superseded"], told["failure_rate"]) == (4, 4, 0.4)
    # The hat's first answer, and the three of the picture that never got a good one.
    assert (told["verdicts"]["REJECTED"], told["verdicts"]["REDACTED"]) == (4, 1)
    assert told["rules"]["phone"] == {"REDACTED": 1}
    assert told["answers_to_a_retry"] == 3
    assert told["gpu"]["requests"] == told["generation_ms"]["count"] >= 9
    assert told["gpu"]["request_ms"] >= told["gpu"]["busy_ms"] >= 20
    assert told["cost"]["spent"] > 0
    assert told["unreadable"] == {}
    assert told["upload_to_caption_ms"]["count"] == 0  # replays


def test_report_is_tables_on_a_terminal(command: Callable[..., str]) -> None:
    said = " ".join(command("report").split())
    assert "captions 6 6 repeats left out" in said
    assert "caption_rejected 1 0 Caption image may pass without a change: send them back" in said
    assert "--code source_forbidden --send" in said


def test_report_of_a_window_without_records(command: Callable[..., str]) -> None:
    past = json.loads(command("report", "--json", "--to", "2001-01-01T00:00:00+00:00"))
    assert (past["captions"], past["answers"], past["dead_letters"]) == (0, 0, 0)
    recent = json.loads(command("report", "--json", "--since", "1h"))
    assert (recent["captions"], recent["dead_letters"]) == (6, 4)


def test_report_writes_a_page_with_the_pictures(command: Callable[..., str], scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    command("report", "--report", str(path), "--topic", scene.names["uploads"])
    html = path.read_text("utf-8")
    page = Page(html)
    alts = {image["alt"] for image in page.all("img")}
    assert {f"Picture of {name}" for name in ("mug", "mug-copy", "hat", "tel", "odd", "del")} <= alts
    assert f"Picture of {scene.place('never')}" in alts  # out of the dead letter
    text = re.sub(r"\s+", " ", page.text())
    assert "by address" in text
    assert "redacted: phone" in text
    assert not re.search("s3cret|pa55|138 1234", html)


def test_a_report_names_a_topic_of_pictures_that_is_not_there(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--bootstrap-servers", scene.servers]
    for kind in ("captions", "dead-letters", "audit"):
        where += [f"--{kind}-topic", scene.names["dead" if kind == "dead-letters" else kind]]
    assert main(["report", *where, "--report", str(tmp_path / "page.html"), "--topic", "mistyped"]) == 1
    assert "topic_missing: topic `mistyped` does not exist" in capsys.readouterr().err


def test_report_does_not_see_aborted_transactions(command: Callable[..., str], scene: Scene) -> None:
    producer = KafkaProducer(bootstrap_servers=scene.servers, transactional_id="aborted", acks="all")
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(scene.names["captions"], key=b"mug", value=b"never happened").get(10)
    producer.abort_transaction()
    producer.close()
    assert json.loads(command("report", "--json"))["unreadable"] == {}
    kinds = [
        entry["kind"]
        for entry in lines(command("inspect", "--json", "--image", "mug", "--topic", scene.names["uploads"]))
    ]
    assert kinds.count("caption") == 2


def inspected(command: Callable[..., str], scene: Scene, *words: str) -> list[dict[str, Any]]:
    return lines(command("inspect", "--json", "--topic", scene.names["uploads"], *words))


def test_inspect_tells_what_became_of_an_image(command: Callable[..., str], scene: Scene) -> None:
    entries = inspected(command, scene, "--image", "mug", "--cache-topic", scene.names["cache"])
    kinds = [entry["kind"] for entry in entries]
    assert (kinds[0], kinds.count("answer"), kinds.count("caption")) == ("upload", 4, 2)
    assert kinds.index("answer") < kinds.index("caption")
    assert [entry["time"] for entry in entries] == sorted(entry["time"] for entry in entries)
    upload = entries[0]["value"]
    assert upload["image"] == {"bytes": len(MUG), "format": "PNG", "sha256": hashlib.sha256(MUG).hexdigest()}
    assert entries[0]["source"] == scene.place("mug")
    assert {entry["source"] for entry in entries} == {scene.place("mug")}
    assert entries[0]["headers"] == {"trace": {"bytes": 2}}  # of a foreign header only the size
    (caption, _) = [entry for entry in entries if entry["kind"] == "caption"]
    assert caption["headers"]["ce_type"] == "captionstream.caption.v1"
    assert [text["language"] for text in caption["value"]["texts"]] == ["zh-Hans", "en"]


def test_inspect_finds_what_lies_under_another_key(command: Callable[..., str], scene: Scene) -> None:
    entries = inspected(command, scene, "--image", "odd")
    upload = next(entry for entry in entries if entry["kind"] == "upload")
    assert (upload["key"], upload["image_id"]) == ("another key", "odd")
    assert "caption" in {entry["kind"] for entry in entries}
    others = inspected(command, scene, "--image", "other")
    assert [entry["kind"] for entry in others] == ["upload", "dead letter", "dead letter"]
    assert {entry["key"] for entry in others} == {"mug"}


def test_inspect_knows_where_the_default_partitioner_puts_a_key(command: Callable[..., str], scene: Scene) -> None:
    records = scene.raw("captions")
    assert len({record.partition for record in records}) > 1
    assert all(record.partition == partition_of(record.key or b"", 3) for record in records)
    quick = inspected(command, scene, "--image", "hat", "--key-partition-only")
    assert quick == inspected(command, scene, "--image", "hat")


def test_inspect_of_a_record_shows_it_and_its_history(command: Callable[..., str], scene: Scene) -> None:
    entries = inspected(command, scene, "--record", scene.place("broken"))
    assert [entry["kind"] for entry in entries] == ["upload", "dead letter", "dead letter"]
    assert "is not Avro of schema" in entries[0]["value"]["undecodable"]
    assert entries[1]["value"]["code"] == "event_undecodable"
    assert entries[1]["source"] == scene.place("broken")
    (alone,) = inspected(command, scene, "--record", scene.place("broken"), "--no-history")
    assert alone == entries[0]
    said = command("inspect", "--topic", scene.names["uploads"], "--record", scene.place("never"))
    assert '"image_id": "never"' in said
    assert "image never: " in said
    assert "caption_rejected (retryable) at Caption image" in " ".join(said.split())


def test_inspect_tells_no_secret_of_an_address(command: Callable[..., str], scene: Scene) -> None:
    for words in (("--image", "by-address"), ("--record", scene.place("by-address"))):
        for form in ((), ("--json",)):
            said = command("inspect", "--topic", scene.names["uploads"], *words, *form)
            assert "https://h.example/1.jpg" in said
            assert not re.search("s3cret|pa55|u5er", said)


def test_inspect_of_a_deleted_image_ends_with_its_withdrawal(command: Callable[..., str], scene: Scene) -> None:
    entries = inspected(command, scene, "--image", "del", "--cache-topic", scene.names["cache"])
    kinds = {entry["kind"] for entry in entries}
    assert {"upload", "deletion", "caption", "withdrawal", "cached texts"} <= kinds
    assert [entry["value"] for entry in entries if entry["kind"] == "withdrawal"][-1] is None
    assert any(entry["value"] is None for entry in entries if entry["kind"] == "cached texts")


def test_inspect_saves_the_picture(command: Callable[..., str], scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "mug.png"
    command("inspect", "--topic", scene.names["uploads"], "--image", "mug", "--save-picture", str(path))
    assert path.read_bytes() == MUG
    words = ("inspect", "--topic", scene.names["uploads"], "--image")
    assert "(`File exists`); mend --save-picture" in command(*words, "mug", "--save-picture", str(path), code=2)
    said = command(*words, "by-address", "--save-picture", str(tmp_path / "no"), code=2)
    assert "no upload among these records holds a picture" in said
    assert not (tmp_path / "no").exists()


def test_inspect_of_nothing_says_so(command: Callable[..., str], scene: Scene) -> None:
    words = ("inspect", "--topic", scene.names["uploads"])
    assert "nothing of image nobody is in these topics" in command(*words, "--image", "nobody", code=1)
    far = f"{scene.names['uploads']}/0/999999"
    assert f"offsets_unavailable: there is no record at `{far}`" in command(*words, "--record", far, code=1)
    assert f"there is no record at `{scene.names['uploads']}/77/0`" in command(
        *words, "--record", f"{scene.names['uploads']}/77/0", code=1
    )


def test_audit_tells_the_story_of_an_image(command: Callable[..., str], scene: Scene) -> None:
    said = command("audit", "--image", "hat")
    flat = " ".join(said.split())
    assert "image hat: 2 answers of the model, 1 captions, 0 dead letters" in flat
    assert re.search(r"answer 1 in en: REJECTED \([^)]*one_character.* answer 2 in en: PASSED", flat)
    assert f"asked by {scene.place('hat')}" in flat
    assert f"picture sha256 {hashlib.sha256(HAT).hexdigest()}" in flat
    assert "model fake 1, greedy" in flat
    assert re.search(r"model fake 1, temperature 0.7, top_p 0.9, seed \d+", flat)
    assert "text " + "!" * 40 in flat
    assert "written 2 times" in flat
    assert flat.endswith("every published text has its audit record")


def test_audit_of_a_copy_names_whose_text_it_has(command: Callable[..., str]) -> None:
    stories = {image: lines(command("audit", "--image", image, "--json")) for image in ("mug", "mug-copy")}
    captions = {
        image: next(one["value"] for one in story if one["kind"] == "caption") for image, story in stories.items()
    }
    (copy, original) = sorted(captions, key=lambda image: captions[image]["origin"] == "GENERATED")
    said = " ".join(command("audit", "--image", copy).split())
    assert "text used again in en: PASSED" in said
    assert f"from {original} prompt" in said
    assert "when it was written" in said


def test_audit_of_a_dead_letter_and_of_a_withdrawal(command: Callable[..., str], scene: Scene) -> None:
    never = " ".join(command("audit", "--image", "never", "--topic", scene.names["uploads"]).split())
    assert "image never: 3 answers of the model, 0 captions, 1 dead letters" in never or "2 dead letters" in never
    assert "dead letter caption_rejected, attempt 1, at Caption image" in never
    assert never.index(" upload ") < never.index("answer 1 in en: REJECTED")
    gone = " ".join(command("audit", "--image", "del").split())
    assert "withdrawal: the image's captions are withdrawn" in gone


def test_an_audit_without_texts_still_proves_what_was_published(
    kafka: LocalKafka, topics: Callable[..., dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    shop = Scene(kafka.bootstrap_servers, topics({"uploads": 1, "captions": 1, "dead": 1, "audit": 1}))
    shop.upload({"image_id": "tel", "image": TEL, "languages": ["en"]})
    inflight.preload(CAPTIONER, Inflight(FakeCaptioner(script=script)))
    shop.run(captioner=CAPTIONER, audit_texts="none")
    ((audit,), (caption,)) = shop.audits(), shop.captions()
    assert (audit["text"], audit["verdict"]) == ("", "REDACTED")
    assert audit["text_sha256"] == hashlib.sha256(caption["texts"][0]["caption"].encode()).hexdigest()
    assert main(["audit", *shop.told(), "--image", "tel"]) == 0
    said = capsys.readouterr().out
    assert f"not kept (--audit-texts), sha256 {audit['text_sha256']}" in said
    assert said.endswith("every published text has its audit record\n")
