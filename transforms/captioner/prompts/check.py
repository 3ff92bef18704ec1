"""Try a library before a job does: every prompt filled in with everything, with nothing, and with too much."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from transforms.captioner.api import CaptionerOptions, RenderedPrompt
from transforms.captioner.prompts import template
from transforms.captioner.prompts.library import Library
from transforms.captioner.prompts.prompt import ANY, Prompt
from transforms.errors import ConfigInvalid
from transforms.values import Task

_TEXT_TOKENS = CaptionerOptions().text_tokens
_QUESTION = "What is it made of?"
_LONGEST = {True: "字", False: "word "}
"""What the longest values are made of, for languages with wide characters and others."""
_CHAT_TOKENS = 24
"""That the chat format has besides the turns."""


@dataclass(frozen=True, slots=True)
class PromptReport:
    """What became of trying a library."""

    rendered: tuple[RenderedPrompt, ...] = ()
    """Every prompt with sample attributes, in the library's order."""
    problems: tuple[str, ...] = ()
    """What keeps a job from starting: a file that cannot be read, an unknown placeholder. A line each."""
    warnings: tuple[str, ...] = ()
    """What costs time or words."""


def check_prompts(
    name_or_path: str,
    text_tokens: int = _TEXT_TOKENS,
    count: Callable[[str], int] | None = None,
) -> PromptReport:
    """Read a library and fill in every prompt. Never raises for what is wrong with it.

    ``text_tokens`` is how many tokens a prompt and its answer may have; ``count`` counts those of a text, by default
    roughly, and rather too many.
    """
    try:
        library = Library.load(name_or_path)
    except ConfigInvalid as error:
        return PromptReport(problems=(error.message,))
    rendered = tuple(_rendered(library, prompt, _samples(prompt)) for prompt in library.prompts)
    counted = count or _roughly
    warnings = (*_labels(library), *_systems(library), *_lengths(library, text_tokens, counted))
    return PromptReport(rendered, warnings=warnings)


def _rendered(
    library: Library, prompt: Prompt, attributes: Mapping[str, str], question: str = _QUESTION
) -> RenderedPrompt:
    category = "" if prompt.category == ANY else prompt.category
    asked = question if prompt.task == Task.ANSWER else None
    return library.render(category, prompt.task, prompt.language, attributes, asked)


def _named(prompt: Prompt) -> list[str]:
    return sorted(template.names(prompt.text) - {template.QUESTION, template.ATTRIBUTES})


def _samples(prompt: Prompt) -> dict[str, str]:
    return {name: f"sample {name}" for name in _named(prompt) or ("title",)}


def _labels(library: Library) -> Iterator[str]:
    """Lines that say something without the attribute they were written for."""
    for prompt in library.prompts:
        for line in prompt.text.splitlines():
            names = sorted(template.names(line) - {template.QUESTION})
            if names and template.fill(line, prompt.language, {}, None):
                yield (
                    f"prompt `{prompt.id}`: the line `{line.strip():.60}` stays where an upload has no {names[0]}; "
                    f"a line of nothing but {{{names[0]}}} goes away"
                )


def _systems(library: Library) -> Iterator[str]:
    """Prompts that are asked together, in several languages, and do not share what comes before the picture."""
    together: defaultdict[tuple[str, str], dict[str, Prompt]] = defaultdict(dict)
    for task in library.tasks():
        for category in dict.fromkeys(prompt.category for prompt in library.prompts if prompt.task == task):
            for language in library.languages(task):
                prompt = library.find(category, task, language)
                together[task, category].setdefault(prompt.system, prompt)
    for (task, category), prompts in together.items():
        if len(prompts) > 1:
            first, second, *_ = prompts.values()
            yield (
                f"prompts `{first.id}` and `{second.id}` are asked of one picture ({task}, category `{category}`) and "
                "have different system turns: the picture is read anew for each; give them one"
            )


def _lengths(library: Library, most: int, count: Callable[[str], int]) -> Iterator[str]:
    for prompt in library.prompts:
        unit = _LONGEST[template.is_wide(prompt.language)]
        names = [*_named(prompt), *(f"{unit}{n}" for n in range(template.BLOCK_LINES))]
        longest = _rendered(
            library, prompt, dict.fromkeys(names, unit * template.VALUE_CHARS), unit * template.QUESTION_CHARS
        )
        tokens = count(longest.system) + count(longest.text) + _CHAT_TOKENS + prompt.max_new_tokens
        if tokens > most:
            yield (
                f"prompt `{prompt.id}`: with the longest attributes and its answer it has about `{tokens}` tokens, and "
                f"`{most}` are taken; shorten it, name fewer attributes or raise --text-tokens"
            )


def _roughly(text: str) -> int:
    """Tokens, rather too many: three quarters of a Chinese character, a quarter of a letter, and some."""
    return round(sum(0.75 if sign > "\u2e80" else 0.27 for sign in text))
