"""One prompt of a library, and what must be right about it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from transforms.captioner.api import Form
from transforms.captioner.prompts import template
from transforms.languages import normalise_language
from transforms.values import Task

ANY = "*"
"""Category of the prompt that serves every category without one of its own."""
TASKS = tuple(task.value for task in Task if task is not Task.UNKNOWN)

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
_FORMS = {Task.MODERATE.value: Form.MODERATION, Task.INDEX.value: Form.KEYWORDS}


@dataclass(frozen=True, slots=True)
class Prompt:
    """One ``[[prompt]]`` table."""

    id: str
    task: str
    """A `transforms.values.Task`."""
    category: str
    """An upload's category, or `ANY`."""
    language: str
    """Canonical BCP 47 tag: ``zh-Hans``, not ``zh`` or ``zh-CN``."""
    text: str
    """User turn; may hold ``{title}``, any other known attribute's name, ``{attributes}`` and ``{question}``."""
    system: str = ""
    """System turn, taken literally: what a shop writes never enters it. Empty means none."""
    max_new_tokens: int = 200
    alt_text: bool = False
    """DESCRIBE only: the answer is an object with a caption and an alternative text."""
    version: str = ""
    """Of the file it comes from; empty: the library's."""

    @property
    def place(self) -> tuple[str, str, str]:
        """What it is looked up by."""
        return self.task, self.category, self.language

    @property
    def form(self) -> Form:
        """What its answers look like."""
        return Form.ALT_TEXT if self.alt_text else _FORMS.get(self.task, Form.PLAIN)


def fault(prompt: Prompt, attributes: tuple[str, ...]) -> tuple[str, str] | None:
    """What is wrong with a prompt and how to mend it, or None; ``attributes`` are those that are known."""
    checks = (_place(prompt), _turns(prompt), _placeholders(prompt, attributes))
    return next((found for found in checks if found is not None), None)


def _place(prompt: Prompt) -> tuple[str, str] | None:
    if prompt.task not in TASKS:
        return f"task `{prompt.task}` does not exist", f"take one of {', '.join(TASKS)}"
    if not _LANGUAGE.fullmatch(prompt.language):
        return f"language `{prompt.language}` is not BCP 47", "write it like en or zh-Hans"
    canonical = normalise_language(prompt.language)
    if prompt.language != canonical:
        return f"language `{prompt.language}` is looked up as `{canonical}`", "write that"
    if prompt.alt_text and prompt.task != Task.DESCRIBE:
        return f"{prompt.task} has no alt text", "drop alt_text"
    return None


def _turns(prompt: Prompt) -> tuple[str, str] | None:
    if prompt.max_new_tokens < 1:
        return f"max_new_tokens is `{prompt.max_new_tokens}`", "make it at least 1"
    if template.has_placeholder(prompt.system):
        return "its system turn has a placeholder", "move it to text"
    told = f"{prompt.system}\n{prompt.text}"
    for key in prompt.form.keys:
        if not re.search(rf"\b{key}\b", told, re.ASCII):
            remedy = f"tell the model to answer with a JSON object that has {', '.join(prompt.form.keys)}"
            return f"it never says `{key}`, which its answers must have", remedy
    return None


def _placeholders(prompt: Prompt, attributes: tuple[str, ...]) -> tuple[str, str] | None:
    try:
        names = template.names(prompt.text)
    except ValueError as error:
        return str(error), "write {title}, and {{ for a brace"
    for name in sorted(names - {template.QUESTION, template.ATTRIBUTES}):
        if name not in attributes:
            known = ", ".join(f"{{{one}}}" for one in (*attributes, template.ATTRIBUTES))
            remedy = f'mend it (there are {known}) or declare it: attributes = ["{name}"]'
            return f"placeholder `{{{name}}}` is no known attribute", remedy
    asks = prompt.task == Task.ANSWER
    if asks and template.QUESTION not in names:
        return "it has no {question}, so the model would never see it", "add it on a line of its own"
    if not asks and template.QUESTION in names:
        return f"{{question}} stands in a prompt for {prompt.task}", "only ANSWER has a question"
    return None
