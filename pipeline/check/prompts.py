"""The prompt library: every prompt is filled in, and the languages that uploads ask for unless they say others."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pipeline.check.finding import Finding, fail, ok, warn
from schemas.codec import load_schema
from transforms.captioner.prompts import Library
from transforms.captioner.prompts.check import check_prompts
from transforms.errors import UnsupportedLanguage, UnsupportedTask

TASK = "DESCRIBE"
"""Of uploads that name no task."""


def prompt_findings(name: str, text_tokens: int) -> Iterator[Finding]:
    """``text_tokens`` is how many a prompt and its answer may have."""
    what = f"prompts {name}"
    report = check_prompts(name, text_tokens)
    for problem in report.problems:
        yield _split(fail, what, problem)
    for warning in report.warnings:
        yield _split(warn, what, warning)
    if report.problems:
        return
    library = Library.load(name)
    lacking = [language for language in _asked_by_default() if not _serves(library, language)]
    if lacking:
        found = f"has no {TASK} in `{', '.join(lacking)}`, and uploads that name no languages ask for it"
        yield warn(what, found, "add the prompt, or let uploads name their languages: theirs become dead letters")
    elif not report.warnings:
        languages = ", ".join(sorted({prompt.language for prompt in library.prompts}))
        yield ok(what, f"{len(report.rendered)} prompts render: {', '.join(library.tasks())} in {languages}")


def _serves(library: Library, language: str) -> bool:
    try:
        library.find("", TASK, language)
    except (UnsupportedLanguage, UnsupportedTask):
        return False
    return True


def _asked_by_default() -> tuple[str, ...]:
    fields = {field["name"]: field for field in load_schema("image_upload")["fields"]}
    return tuple(fields["languages"]["default"])


def _split(make: Callable[[str, str, str], Finding], what: str, message: str) -> Finding:
    found, _, remedy = message.partition("; ")
    return make(what, found, remedy)
