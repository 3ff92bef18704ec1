"""What the review of a caption costs, with word lists of a platform's size.

    python -m tests.benchmarks.review [--words 20000] [--seconds 2]

The bundled policy with so many made-up words besides, half of them Chinese; the texts are the corpus of model outputs,
each with its prompt. It prints the mean and the slowest tenth of good texts, the mean of bad ones, that of good
answers to MODERATE and INDEX, which are JSON, and what the first text of a process pays for compiling the policy.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from dataclasses import replace
from typing import Any

from tests.data.outputs import Output, outputs, task_outputs
from transforms.captioner.prompts import Library
from transforms.review import Asked, ReviewPolicy, load_policy, review, review_answer
from transforms.review.policy import WordClass

_HAN = [chr(code) for code in range(0x4E00, 0x9FA6)]
_LATIN = "abcdefghijklmnopqrstuvwxyz"
_LONG = {
    "en": "A red ceramic mug with a round handle stands on a plain white wooden table, photographed from the front in "
    "soft light. The glaze is glossy, and the rim shows a thin darker line above a row of small dots.",
    "zh-Hans": "一只红色的陶瓷马克杯，圆形把手，摆放在白色木质桌面上，杯身釉面光亮，杯口有一圈细细的深色线条，"
    "背景为浅灰色墙面，光线柔和，整体风格简洁大方。",
}


def policy_with(words: int) -> ReviewPolicy:
    """The bundled policy and ``words`` made-up words."""
    dice, made = random.Random(1), set()
    while len(made) < words:
        letters, sizes = (_HAN, (3, 5)) if len(made) % 2 else (_LATIN, (5, 10))
        made.add("".join(dice.choices(letters, k=dice.randint(*sizes))))
    base = load_policy()
    return replace(base, classes=(*base.classes, WordClass("many", "reject", tuple(sorted(made)))))


def microseconds(texts: list[Output], policy: ReviewPolicy, seconds: float) -> list[float]:
    """Mean time of each text's review."""
    asked = [(output.text, output.asked) for output in texts]
    spent, rounds = [0.0] * len(asked), 0
    end = time.process_time() + seconds
    while time.process_time() < end:
        rounds += 1
        for place, (text, question) in enumerate(asked):
            begun = time.process_time()
            review(text, question, policy)
            spent[place] += time.process_time() - begun
    return [one / rounds * 1e6 for one in spent]


def microseconds_of_answers(policy: ReviewPolicy, seconds: float) -> float:
    """Mean time of the good answers that are JSON."""
    library, asked = Library.load("default"), []
    for task in ("MODERATE", "INDEX"):
        for tag, kinds in task_outputs()[task].items():
            prompt = library.render("", task, tag, {}, None)
            question = Asked(tag, task, f"{prompt.system}\n{prompt.text}")
            asked += [(text, prompt.form, question) for text in kinds["good"]]
    for one in asked:  # the tables of traditional characters are made by the first
        review_answer(*one, policy)
    rounds, begun = 0, time.process_time()
    while time.process_time() < begun + seconds:
        rounds += 1
        for one in asked:
            review_answer(*one, policy)
    return (time.process_time() - begun) / rounds / len(asked) * 1e6


def measure(words: int, seconds: float) -> dict[str, Any]:
    """Run once."""
    policy = policy_with(words)
    begun = time.process_time()
    corpus = list(outputs())
    review(corpus[0].text, corpus[0].asked, policy)
    first = time.process_time() - begun
    good, bad = ([one for one in corpus if bool(one.rule) is wrong] for wrong in (False, True))
    long = [Output(text, language, "PASSED", "") for language, text in _LONG.items()]
    times = microseconds(good, policy, seconds)
    english, chinese = microseconds(long, policy, seconds)
    return {
        "words": words,
        "policy": policy.version,
        "first_text_ms": round(first * 1e3),
        "good_us": round(statistics.mean(times)),
        "good_p90_us": round(statistics.quantiles(times, n=10)[-1]),
        "bad_us": round(statistics.mean(microseconds(bad, policy, seconds))),
        "json_us": round(microseconds_of_answers(policy, seconds)),
        "english_of_200_characters_us": round(english),
        "chinese_of_80_characters_us": round(chinese),
        "good_blocked": sum(review(one.text, one.asked, load_policy()).verdict != "PASSED" for one in good),
        "bad_passed": sum(review(one.text, one.asked, load_policy()).verdict == "PASSED" for one in bad),
        "good": len(good),
        "bad": len(bad),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The review of captions")
    parser.add_argument("--words", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    print(json.dumps(measure(options.words, options.seconds)))
