"""An image that shows another picture before its first one is captioned."""

import pytest
from data.desk_rig import COPY, LEADER, captions, letters, rig
from data.samples import record

from transforms import serving
from transforms.desk import Output
from transforms.ledger import Ledger
from transforms.metrics import tally
from transforms.values import Deletion, Refusal, Task


def replaced(image_id: str, offset: int, task: Task = Task.DESCRIBE) -> Deletion:
    return Deletion(record(offset, image_id.encode(), None), image_id, "shop", task)


def withheld(outputs: list[Output]) -> list[tuple[str, str, tuple[str, ...]]]:
    assert all(isinstance(output, Refusal) for output in outputs)
    return [(o.upload.image_id, o.text.language, o.text.rules) for o in outputs if isinstance(o, Refusal)]


WITHHELD = [("lead", "en", ("replaced",))]


def test_the_caption_of_the_first_picture_goes_to_the_audit_only(monkeypatch: pytest.MonkeyPatch) -> None:
    before, ledger = tally().get("replaced", 0), Ledger()
    monkeypatch.setattr(serving, "LEDGER", ledger)
    ledger.read(LEADER.record)
    with rig(gated=True) as r:
        r.lead(LEADER)
        assert r.arrive(replaced("lead", 9)) == []
        r.open()
        assert withheld(r.poll()) == WITHHELD
    assert tally()["replaced"] == before + 1
    assert ledger.overdue(0) is None  # the watchdog waits for nothing of it


def test_others_get_the_text_all_the_same() -> None:
    with rig(gated=True) as r:
        r.lead(LEADER)
        r.arrive(COPY)
        r.arrive(replaced("lead", 9))
        r.open()
        assert set(captions(r.poll())) == {"copy"}
        assert set(captions(r.arrive(COPY))) == {"copy"}  # it is kept: nobody was deleted


def test_one_who_waits_is_left_out_too() -> None:
    with rig(gated=True) as r:
        r.lead(LEADER)
        r.arrive(COPY)
        r.arrive(replaced("copy", 9))
        r.open()
        assert set(captions(r.poll())) == {"lead"}


def test_a_restore_remembers_it() -> None:
    with rig(gated=True) as r:
        r.lead(LEADER)
        r.arrive(replaced("lead", 9))
        r.new_desk()
        r.gate.set()
        assert withheld(r.poll()) == WITHHELD


def test_another_task_or_a_later_upload_is_not_meant() -> None:
    with rig(gated=True) as r:
        r.lead(LEADER)
        r.arrive(replaced("lead", 9, Task.INDEX))
        r.arrive(replaced("lead", 0))
        r.open()
        assert set(captions(r.poll())) == {"lead"}


def test_where_nothing_is_owed_it_is_no_news() -> None:
    with rig() as r:
        r.lead(LEADER)
        r.idle()
        assert set(captions(r.poll())) == {"lead"}
        calls = len(r.store.calls)
        assert r.arrive(replaced("lead", 9)) == []
        assert r.store.calls[calls:] == ["read"]
        assert not letters(r.poll())
