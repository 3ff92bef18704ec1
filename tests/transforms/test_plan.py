import hashlib
from pathlib import Path

import pytest
from data.samples import upload

from transforms.captioner.api import CaptionerInfo, Sampling
from transforms.captioner.prompts import Library
from transforms.errors import UnsupportedLanguage, UnsupportedTask
from transforms.plan import Planner, event_id
from transforms.values import Task

INFO = CaptionerInfo("model", "r1", 8)
SHA = hashlib.sha256(b"picture").digest()
RED, BLUE = ({"title": title} for title in ("Red mug", "Blue mug"))


def library(tmp_path: Path, text: str) -> Library:
    path = tmp_path / "prompts.toml"
    path.write_text(
        'version = "1"\n'
        + "".join(
            f'[[prompt]]\nid = "d-{language}"\ntask = "DESCRIBE"\ncategory = "*"\nlanguage = "{language}"\n'
            f'text = "{text}"\n'
            for language in ("en", "zh-Hans")
        )
    )
    return Library.load(str(path))


def planner(
    words: Library,
    info: CaptionerInfo = INFO,
    sampling: Sampling = Sampling(),
    policy: str = "1",
) -> Planner:
    return Planner(words, info, sampling, policy)


def test_one_question_per_language_in_the_order_asked() -> None:
    questions = planner(Library.load("tiny")).plan(upload(languages=("zh-Hans", "en")))
    assert [question.prompt.language for question in questions] == ["zh-Hans", "en"]
    assert [question.prompt.text for question in questions] == ["请描述这件商品。", "Describe the product."]
    assert len({question.reuse_key for question in questions}) == 2


def test_the_key_changes_with_the_title_when_the_prompt_uses_it(tmp_path: Path) -> None:
    plan = planner(library(tmp_path, "Describe {title}.")).plan
    assert plan(upload(attributes=RED)) != plan(upload(attributes=BLUE))
    assert plan(upload(attributes=RED))[0].reuse_key != plan(upload(attributes=BLUE))[0].reuse_key


def test_the_key_stays_when_the_prompt_does_not_use_the_title(tmp_path: Path) -> None:
    plan = planner(library(tmp_path, "Describe it.")).plan
    assert plan(upload(attributes=RED)) == plan(upload(attributes=BLUE))
    assert plan(upload("img-1", merchant="a")) == plan(upload("img-2", merchant="b"))


@pytest.mark.parametrize(
    "other",
    [
        {"info": CaptionerInfo("other", "r1", 8)},
        {"info": CaptionerInfo("model", "r2", 8)},
        {"sampling": Sampling(temperature=0.7)},
        {"sampling": Sampling(top_p=0.9)},
        {"policy": "2"},
    ],
    ids=["model", "revision", "temperature", "top_p", "policy"],
)
def test_the_key_changes_with_the_maker(other: dict[str, object]) -> None:
    words = Library.load("tiny")
    (ours,), (theirs,) = (planner(words).plan(upload()), planner(words, **other).plan(upload()))  # type: ignore[arg-type]
    assert ours.prompt == theirs.prompt
    assert ours.reuse_key != theirs.reuse_key


@pytest.mark.parametrize("other", [{"sampling": Sampling(seed=5)}, {"info": CaptionerInfo("model", "r1", 1)}])
def test_the_key_is_deaf_to_seed_and_slots(other: dict[str, object]) -> None:
    words = Library.load("tiny")
    assert planner(words).plan(upload()) == planner(words, **other).plan(upload())  # type: ignore[arg-type]


def written(tmp_path: Path, name: str, content: str) -> Library:
    path = tmp_path / name
    path.write_text(content, "utf-8")
    return Library.load(str(path))


SHOP = """
version = "1"
extends = "default"
[[prompt]]
id = "shoes"
task = "DESCRIBE"
category = "shoes"
language = "en"
text = "Describe these shoes."
"""


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("these shoes", "this pair of shoes", True),
        ("[[prompt]]", '[system]\nDESCRIBE = "Be brief."\n[[prompt]]', True),
        ('language = "en"', 'language = "en"\nmax_new_tokens = 99', True),
        ('version = "1"', 'version = "2"', False),  # a new version of the file is no new question
        ('id = "shoes"', 'id = "trainers"', False),
        ('extends = "default"', 'extends = "default"\nattributes = ["fit"]', False),
    ],
)
def test_a_changed_text_is_another_question(tmp_path: Path, old: str, new: str, changes: bool) -> None:
    asked = upload(category="shoes")
    (before,) = planner(written(tmp_path, "a.toml", SHOP)).plan(asked)
    (after,) = planner(written(tmp_path, "b.toml", SHOP.replace(old, new))).plan(asked)
    assert (before.reuse_key != after.reuse_key) == changes
    assert (event_id(asked, SHA, [before]) != event_id(asked, SHA, [after])) == changes


def test_a_form_of_its_own_is_another_question(tmp_path: Path) -> None:
    told = SHOP.replace("these shoes.", "them as JSON: caption and alt_text.")
    (plain,) = planner(written(tmp_path, "a.toml", told)).plan(upload(category="shoes"))
    (pair,) = planner(written(tmp_path, "b.toml", told + "alt_text = true")).plan(upload(category="shoes"))
    assert plain.prompt.text == pair.prompt.text
    assert plain.reuse_key != pair.reuse_key


def test_a_longer_tag_that_is_served_by_a_shorter_one_is_the_same_question() -> None:
    plan = planner(Library.load("default")).plan
    assert plan(upload(languages=("en-US",))) == plan(upload(languages=("en",)))


def test_same_words_in_two_languages_have_two_keys(tmp_path: Path) -> None:
    questions = planner(library(tmp_path, "Describe it.")).plan(upload(languages=("en", "zh-Hans")))
    assert questions[0].prompt.text == questions[1].prompt.text
    assert questions[0].reuse_key != questions[1].reuse_key


def test_ids_and_keys_are_what_they_were_when_published() -> None:
    """Golden: a change here gives every caption another id."""
    questions = planner(Library.load("tiny")).plan(upload(languages=("zh-Hans", "en")))
    assert [question.reuse_key[:16] for question in questions] == ["16f7feb7593593ab", "e68b613a1a44be0a"]
    assert event_id(upload(), SHA, questions) == "de03ba24-b85f-5335-b847-2834d0cf167a"


def test_the_event_id_depends_on_picture_task_and_keys_only() -> None:
    (question,) = planner(Library.load("tiny")).plan(upload())
    (other,) = planner(Library.load("tiny"), policy="2").plan(upload())
    known = event_id(upload(), SHA, [question])
    assert event_id(upload(merchant="x", category="y", attributes=RED, uri="file:///z"), SHA, [question]) == known
    assert event_id(upload("img-2"), SHA, [question]) != known
    assert event_id(upload(task=Task.INDEX), SHA, [question]) != known
    assert event_id(upload(), hashlib.sha256(b"other").digest(), [question]) != known
    assert event_id(upload(), SHA, [other]) != known
    assert event_id(upload(), SHA, [question, other]) != event_id(upload(), SHA, [other, question])


def test_what_has_no_prompt_is_refused() -> None:
    plan = planner(Library.load("tiny")).plan
    with pytest.raises(UnsupportedLanguage, match="`fr`"):
        plan(upload(languages=("en", "fr")))
    with pytest.raises(UnsupportedTask, match="`MODERATE` is not served"):
        plan(upload(task=Task.MODERATE))
