import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from transforms.errors import ConfigInvalid
from transforms.review import Asked, ReviewPolicy, Verdict, load_policy, review
from transforms.review.fallback import fallback_text
from transforms.review.policy import LENGTHS, RULES, Length, WordClass

Write = Callable[..., ReviewPolicy]
HEAD = 'version = "1"\n'


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Loads a policy from TOML; errors name it `shop.toml`."""
    monkeypatch.chdir(tmp_path)

    def write(content: str, words: str | None = None) -> ReviewPolicy:
        Path("shop.toml").write_text(content, "utf-8")
        if words is not None:
            Path("words.txt").write_text(words, "utf-8")
        return load_policy("shop.toml")

    return write


def test_the_bundled_policy() -> None:
    policy = load_policy()
    assert (policy.name, policy.release, policy.max_attempts, policy.fallbacks) == ("default", "2", 3, ())
    assert policy.lengths == LENGTHS
    names = ["advertising", "medical", "gambling", "violence", "sexual", "drugs", "politics"]
    assert [one.name for one in policy.classes] == names
    assert {one.action for one in policy.classes} == {"reject"}
    assert policy.version.startswith("default@2+")
    assert load_policy().version == policy.version


def test_actions_of_one_task(written: Write) -> None:
    policy = written(
        HEAD
        + """
[actions]
link = "reject"
[actions.MODERATE]
rivals = "redact"
link = "allow"
[words.rivals]
action = "allow"
words = ["Globex"]
"""
    )
    assert policy.actions == (("link", "reject"),)
    assert policy.task_actions == (
        ("MODERATE", "link", "allow"),
        ("MODERATE", "rivals", "redact"),
        ("MODERATE", "words", "allow"),
    )
    text = "A poster of Globex mugs with the address www.mugs.example printed on it."
    assert review(text, Asked("en", "INDEX"), policy).rules == ("link",)
    ruling = review(text, Asked("en", "MODERATE"), policy)
    assert ruling.text == "A poster of […] mugs with the address www.mugs.example printed on it."
    assert replace(policy, task_actions=()).version != policy.version


def test_a_file_stands_alone(written: Write) -> None:
    policy = written(HEAD)
    assert (policy.name, policy.classes, policy.allowed) == ("shop", (), ())


def test_a_file_extends_the_default(written: Write) -> None:
    policy = written(
        """
extends = "default"
name = "shop"
version = "7"
max_attempts = 2
allow = ["buy now pay later"]
length = [{ task = "INDEX", language = "en", min = 1, max = 50 }, { language = "zh", max = 120 }]
actions = { link = "reject", truncated = "allow" }
fallback = { en = ["{brand} {title}", "{title}"] }
[repetition]
max_run = 5
[redaction]
mark = "***"
[words.advertising]
words = ["bargain"]
[words.medical]
action = "allow"
words_file = "words.txt"
[words.rivals]
action = "redact"
words_file = "words.txt"
""",
        "# ours\n\nGlobex\n  Initech\nGlobex\n",
    )
    base = load_policy()
    assert policy.version.startswith("shop@7+")
    assert policy.max_attempts == 2
    assert policy.actions == (("link", "reject"), ("truncated", "allow"))
    assert (policy.max_run, policy.mark, policy.max_repeated_share) == (5, "***", 0.5)
    assert policy.length("INDEX", "en") == Length(1, 50, "INDEX", "en")
    assert policy.length("DESCRIBE", "zh-Hans") == Length(4, 120, language="zh")
    classes = {one.name: one for one in policy.classes}
    assert set(classes["advertising"].words) == {*base.classes[0].words, "bargain"}
    assert classes["medical"].action == "allow"
    assert (classes["rivals"].action, classes["rivals"].words) == ("redact", ("Globex", "Initech"))
    asked = Asked("en")
    text = "A red Globex mug on a white table with a round handle"
    assert review(text, asked, policy).text == "A red *** mug on a white table with a round handle"
    assert review("A mug that cures cancer, red and round", asked, policy).verdict is Verdict.PASSED
    assert review("A mug, buy now pay later, red and round", asked, policy).verdict is Verdict.PASSED
    assert review("A mug, buy now, red and round", asked, policy).rules == ("advertising",)


def test_lookalikes_of_the_policy(written: Write) -> None:
    policy = written(HEAD + '[lookalikes]\n"家" = "枷"\n[words.ads]\naction = "reject"\nwords = ["国家级"]\n')
    assert policy.lookalikes == (("家", "枷"),)
    assert review("国枷级红色马克杯", Asked("zh-Hans"), policy).rules == ("ads",)
    assert review("国枷级红色马克杯", Asked("zh-Hans"), load_policy()).verdict is Verdict.PASSED
    longer = written('extends = "default"\nversion = "3"\n[lookalikes]\n"色" = "涩"\n')
    assert dict(longer.lookalikes)["色"] == "涩銫铯"


def test_a_changed_word_list_is_another_policy(written: Write) -> None:
    content = HEAD + '[words.ads]\naction = "reject"\nwords_file = "words.txt"\n'
    first, same, other = written(content, "a1\nb1\n"), written(content, "b1\n\na1\n"), written(content, "a1\nb2\n")
    assert first.version == same.version
    assert first.version != other.version


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("versoin = 1", "key `versoin`: nobody knows it; did you mean `version`?"),
        (
            HEAD + "x = 1",
            "key `x`: nobody knows it; take one of extends, name, version, max_attempts, length, repetition, "
            "redaction, actions, words, allow, allow_file, lookalikes, fallback",
        ),
        ("name = 'a'", 'key `version`: it is missing; begin the file with version = "1"'),
        ("version = 1", "key `version`: it is `1`; make it a string"),
        (
            HEAD + "[lookalikes]\n'国家' = 'x'",
            'key `lookalikes.国家`: `国家` and `x` are no character and others that stand for it; write 色 = "铯"',
        ),
        (HEAD + "extends = 'base'", 'key `extends`: `base` cannot be extended; take "default", or leave it out'),
        (HEAD + "max_attempts = 0", "key `max_attempts`: `0` is below 1; make it at least 1"),
        (HEAD + "max_attempts = true", "key `max_attempts`: it is `True`; make it a whole number"),
        (HEAD + "repetition = { max_runs = 1 }", "key `repetition.max_runs`: nobody knows it; did you mean `max_run`?"),
        (HEAD + "repetition = { max_run = 0 }", "key `repetition.max_run`: `0` is below 1; make it at least 1"),
        (
            HEAD + "repetition = { max_repeated_share = 2 }",
            "key `repetition.max_repeated_share`: `2` is no share; take one from 0 to 1",
        ),
        (
            HEAD + "redaction = { mark = 'xxx' }",
            "key `redaction.mark`: `xxx` has letters or digits; take signs only",
        ),
        (HEAD + "actions = { links = 'reject' }", "key `actions.links`: nobody knows it; did you mean `link`?"),
        (
            HEAD + "actions = { link = 'drop' }",
            "key `actions.link`: `drop` is no action; take one of reject, redact, allow",
        ),
        (
            HEAD + "actions = { refusal = 'redact' }",
            "key `actions.refusal`: it judges the whole text, of which nothing can be redacted; reject or allow it",
        ),
        (
            HEAD + "actions = { MODERATE = { linq = 'allow' } }",
            "key `actions.MODERATE.linq`: nobody knows it; did you mean `link`?",
        ),
        (HEAD + "actions = { MODERAT = {} }", "key `actions.MODERAT`: nobody knows it; did you mean `MODERATE`?"),
        (
            HEAD + "actions = { INDEX = { refusal = 'redact' } }",
            "key `actions.INDEX.refusal`: it judges the whole text, of which nothing can be redacted; "
            "reject or allow it",
        ),
        (
            HEAD + "[words.unparsable]\naction = 'reject'\nwords = ['a1']",
            "key `words.unparsable`: it cannot name a list; take a small word that is none of "
            + ", ".join(f"`{rule}`" for rule in RULES),
        ),
        (
            HEAD + "length = [{ min = 5, max = 4 }]",
            "key `length[1].min`: `5` to `4` characters are no range; mend min or max",
        ),
        (
            HEAD + "length = [{ task = 'DRAW', min = 1, max = 4 }]",
            "key `length[1].task`: `DRAW` does not exist; take one of *, DESCRIBE, MODERATE, INDEX, ANSWER",
        ),
        (HEAD + "length = [3]", "key `length[1]`: it is `3`; write it as [[length]]"),
        (
            HEAD + "[words.ads]\nwords = ['a1']",
            "key `words.ads.action`: `` is no action; take one of reject, redact, allow",
        ),
        (HEAD + "[words.ads]\naction = 'reject'", "key `words.ads`: it has no words; give it words or words_file"),
        (
            HEAD + "[words.ads]\naction = 'reject'\nword = []",
            "key `words.ads.word`: nobody knows it; did you mean `words`?",
        ),
        (
            HEAD + "[words.ads]\naction = 'reject'\nwords = ['a1', '…']",
            "key `words.ads.words`: `…` is no word; write words with letters or digits",
        ),
        (HEAD + "allow = [3]", "key `allow`: `3` is no word; write words with letters or digits"),
        (
            HEAD + "[words.ads]\naction = 'reject'\nwords_file = 'none.txt'",
            "key `words.ads.words_file`: `none.txt` cannot be read (No such file or directory); "
            "name a file, relative to the policy's",
        ),
        (
            HEAD + "fallback = { en = ['A product'] }",
            "key `fallback.en`: `A product` names no attribute; write one like {title}, {colour}",
        ),
        (HEAD + "fallback = { en = '{title}' }", "key `fallback.en`: it is `{title}`; make it a list"),
    ],
)
def test_what_is_wrong_is_said(written: Write, content: str, message: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        written(content)
    assert caught.value.message == f"policy `shop.toml`, {message}"


def test_a_list_cannot_take_the_name_of_a_rule(written: Write) -> None:
    with pytest.raises(
        ConfigInvalid, match=r"key `words\.link`: it cannot name a list; take a small word that is none of `too_"
    ):
        written(HEAD + "[words.link]\naction = 'reject'\nwords = ['a1']")


def test_a_file_that_is_none(written: Write) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        load_policy("none.toml")
    assert caught.value.message == (
        "policy `none.toml` cannot be read (No such file or directory); "
        "--policy takes `default` or the path of a TOML file"
    )
    with pytest.raises(ConfigInvalid, match=r"policy `shop.toml` is not TOML: .*; mend the file"):
        written("version = ")


def test_fallback(written: Write) -> None:
    policy = written(HEAD + 'fallback = { en = ["{brand} {title}, {colour}.", "{title}."] }')
    said = {"title": "Mug\n of  clay", "brand": "Acme {title}", "colour": "red"}
    assert fallback_text(policy, "en", said) == "Acme {title} Mug of clay, red."
    assert fallback_text(policy, "en", {"title": "Mug"}) == "Mug."
    assert fallback_text(policy, "en", {"title": " "}) is None
    assert fallback_text(policy, "zh-Hans", said) is None


def test_the_example_of_the_documentation_is_a_policy(written: Write) -> None:
    text = (Path(__file__).parents[3] / "docs" / "policy.md").read_text("utf-8")
    policy = written(text.split("```toml\n")[1].split("```")[0])
    assert policy.version.startswith("shop@7+")
    for rule in (*RULES, *(one.name for one in load_policy().classes)):
        assert f"`{rule}`" in text


def test_a_copy_that_travelled_is_the_same_policy_without_a_look_at_its_words() -> None:
    class Word(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            raise AssertionError("words are compared")

    policy = replace(load_policy(), classes=(WordClass("own", "reject", (Word("a word"),)),))
    copy = pickle.loads(pickle.dumps(load_policy()))  # noqa: S301
    assert copy == load_policy()
    assert hash(copy) == hash(load_policy())
    assert policy == replace(policy)
    assert policy != load_policy()
    assert replace(policy, max_attempts=1) != policy
    assert policy != "policy"
