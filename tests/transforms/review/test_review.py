import pickle
from dataclasses import replace

import pytest
from data.outputs import Output, asked, held_out, missed, outputs
from hypothesis import given
from hypothesis import strategies as st

from transforms.errors import ConfigInvalid
from transforms.review import Asked, ReviewPolicy, Ruling, Verdict, load_policy, review
from transforms.review.policy import Length, WordClass

POLICY = load_policy()
BARE = ReviewPolicy()
CORPUS = list(outputs())
GOOD = [output for output in CORPUS if not output.rule]
BAD = [output for output in CORPUS if output.rule]
ENGLISH = Asked("en")


def test_the_corpus_is_large_enough() -> None:
    assert len(CORPUS) == len({(output.text, output.language) for output in CORPUS})
    assert (len(GOOD), len(BAD)) == (266, 264)
    assert {output.language for output in GOOD} == {output.language for output in BAD} == {"en", "zh-Hans"}


@pytest.mark.parametrize("output", BAD, ids=range(len(BAD)))
def test_no_bad_output_passes(output: Output) -> None:
    ruling = review(output.text, output.asked, POLICY)
    assert ruling.verdict == output.verdict, ruling
    assert output.rule in ruling.rules


def test_of_the_good_ones_at_most_one_in_fifty_is_blocked() -> None:
    blocked = [output.text for output in GOOD if review(output.text, output.asked, POLICY).verdict != "PASSED"]
    assert blocked == []


@pytest.mark.parametrize(
    ("part", "missed_at_most"), [("first", 0), ("second", 0), ("third", 0), ("fourth", 0), ("fifth", 32)]
)
def test_texts_that_were_held_out(part: str, missed_at_most: int) -> None:
    """Since they were looked at, four of the sets are as good as the corpus, and no better; the fifth was not."""
    texts = list(held_out(part))
    good = [one for one in texts if one.verdict == "PASSED"]
    passed = [one for one in texts if review(one.text, one.asked, POLICY).verdict is Verdict.PASSED]
    assert len(good) >= 60
    assert len(texts) - len(good) >= 60
    assert [one.text for one in good if one not in passed] == []
    assert len(passed) - len(good) <= missed_at_most


def test_what_is_known_to_be_missed_still_is() -> None:
    """Whoever mends one moves it to the others."""
    assert [review(one.text, one.asked, POLICY).verdict for one in missed()] == [Verdict.PASSED] * len(list(missed()))


def test_what_redaction_leaves_passes_for_itself() -> None:
    for output in BAD:
        ruling = review(output.text, output.asked, POLICY)
        if ruling.verdict is Verdict.REDACTED:
            assert review(ruling.text, output.asked, POLICY) == Ruling(Verdict.PASSED, (), ruling.text)


def test_only_the_address_is_cut() -> None:
    text = " A red mug with the address sales@mugs.example printed on its side.\n"
    cut = Ruling(Verdict.REDACTED, ("email",), "A red mug with the address […] printed on its side.")
    assert review(text, ENGLISH, POLICY) == cut


def test_a_text_that_would_lose_too_much_is_rejected() -> None:
    text = "Mug: sales@mugs.example"
    assert review(text, ENGLISH, BARE) == Ruling(Verdict.REJECTED, ("email",), text)
    lenient = replace(BARE, max_redacted_share=0.8)
    assert review(text, ENGLISH, lenient).verdict is Verdict.REJECTED  # 10 characters are asked for
    lenient = replace(lenient, lengths=())
    assert review(text, ENGLISH, lenient) == Ruling(Verdict.REDACTED, ("email",), "Mug: […]")


def test_a_redacted_text_that_still_has_a_word_is_rejected() -> None:
    policy = replace(BARE, classes=(WordClass("mugs", "redact", ("mug",)),))
    assert review("A very large and red mug on a table", ENGLISH, policy).text == "A very large and red […] on a table"
    inside = "A very large mmugug stands here on a table, and m mug ug"
    assert review(inside, ENGLISH, policy).rules == ("mugs",)
    assert review(inside, ENGLISH, policy).verdict is Verdict.REDACTED  # one letter alone is no word


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("", ("too_short", "wrong_language")),
        ("Mug", ("too_short",)),
        ("!" * 200, ("one_character", "wrong_language")),
        ("Red mug, call 555-123-4567. I'm sorry, but I can't help.", ("refusal",)),
        ("Mug!" * 2000, ("too_long", "repetition")),
    ],
)
def test_rules_have_a_fixed_order(text: str, rules: tuple[str, ...]) -> None:
    ruling = review(text, ENGLISH, BARE)
    assert (ruling.verdict, ruling.rules) == (Verdict.REJECTED, rules)


def test_actions_are_the_policys() -> None:
    text = "A red mug with www.mugs.example on its side."
    for action, verdict, rules in (
        ("redact", "REDACTED", ("link",)),
        ("reject", "REJECTED", ("link",)),
        ("allow", "PASSED", ()),
    ):
        ruling = review(text, ENGLISH, replace(BARE, actions=(("link", action),), max_redacted_share=0.5))
        assert (ruling.verdict, ruling.rules) == (verdict, rules)
    cut = replace(ENGLISH, finish_reason="length")
    assert review("A red mug on a", cut, BARE).rules == ("truncated",)
    assert review("A red mug on a", cut, replace(BARE, actions=(("truncated", "allow"),))).verdict is Verdict.PASSED


def test_lengths_by_task_and_language() -> None:
    lengths = (
        Length(1, 5),
        Length(1, 3, language="zh"),
        Length(1, 4, language="zh-Hant"),
        Length(1, 9, "INDEX"),
        Length(1, 2, "INDEX", "zh"),
    )
    policy = ReviewPolicy(lengths=lengths)
    for task, language, most in [
        ("DESCRIBE", "en", 5),
        ("DESCRIBE", "zh-Hans", 3),
        ("DESCRIBE", "zh-Hant", 4),
        ("INDEX", "en", 9),
        ("INDEX", "zh-Hans", 2),
        ("INDEX", "zh-Hant", 2),
    ]:
        found = policy.length(task, language)
        assert found is not None
        assert found.max == most
    assert ReviewPolicy(lengths=()).length("DESCRIBE", "en") is None


def test_the_policy_travels_whole() -> None:
    sent = pickle.loads(pickle.dumps(POLICY))  # noqa: S301
    assert sent == POLICY
    assert hash(sent) == hash(POLICY)
    assert sent.version == POLICY.version
    assert review("Buy now, a red mug on a table", asked("en"), sent).rules == ("advertising",)


def test_the_version_is_of_the_content() -> None:
    base = ReviewPolicy(classes=(WordClass("ads", "reject", ("cheap",)),))
    assert base.version.startswith("bare@1+")
    assert len(base.version) == len("bare@1+") + 8
    changed = [
        replace(base, classes=(WordClass("ads", "reject", ("cheap", "free")),)),
        replace(base, classes=(WordClass("ads", "redact", ("cheap",)),)),
        replace(base, allowed=("dirt cheap",)),
        replace(base, max_run=9),
        replace(base, fallbacks=(("en", ("{title}",)),)),
    ]
    assert len({base.version, *(policy.version for policy in changed)}) == 6
    assert replace(base, max_attempts=5).version == base.version  # says nothing of what may pass


def test_at_least_one_attempt() -> None:
    with pytest.raises(ConfigInvalid, match="max attempts `0` must be at least 1; mend --max-attempts"):
        ReviewPolicy(max_attempts=0)


@given(st.text(), st.sampled_from(["en", "zh-Hans", "zh-Hant", "ja", "ko", "ru", "de", "nb", "sr", "x", ""]), st.text())
def test_no_text_makes_it_fail(text: str, language: str, prompt: str) -> None:
    ruling = review(text, Asked(language, "DESCRIBE", prompt), POLICY)
    assert (ruling.verdict is Verdict.PASSED) == (not ruling.rules)


@given(
    st.lists(st.sampled_from([output.text for output in CORPUS]) | st.text(max_size=5), max_size=4),
    st.sampled_from(["", " ", "。", "\n"]),
)
def test_nothing_that_was_redacted_is_left(parts: list[str], between: str) -> None:
    asked_for = asked("en")
    ruling = review(between.join(parts), asked_for, POLICY)
    if ruling.verdict is Verdict.REDACTED:
        assert review(ruling.text, asked_for, POLICY).rules == ()


@pytest.mark.parametrize(
    "part", ["a.", "1-", "@", "a@", "sorry ", "ignore a b c d ", "<a", "(at) ", "www.", "电话", "0a1b", "“"]
)
def test_only_the_start_of_an_endless_text_is_searched(part: str) -> None:
    ruling = review(part * 250_000, ENGLISH, POLICY)
    assert ruling.verdict is Verdict.REJECTED
    assert ruling.rules[0] == "too_long"
