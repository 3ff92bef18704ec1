"""The prompt library and the review's policy."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.check.finding import Finding, ok, warn
from schemas.codec import load_schema
from transforms.captioner.prompts import Library
from transforms.captioner.prompts.library import ANY

TASK = "DESCRIBE"


def prompt_findings(name: str) -> Iterator[Finding]:
    """Render every prompt for an upload without attributes. Raises `ConfigInvalid` as `Library.load` does."""
    what = f"prompts {name}"
    library = Library.load(name)
    for prompt in library.prompts:
        category = "" if prompt.category == ANY else prompt.category
        library.render(category, prompt.task, prompt.language, {}, None)
    languages = sorted({prompt.language for prompt in library.prompts})
    lacking = [one for one in _asked_by_default() if one not in library.languages(TASK)]
    if lacking:
        found = f"has no {TASK} in `{', '.join(lacking)}`, and uploads that name no languages ask for it"
        yield warn(what, found, "add the prompt, or let uploads name their languages: theirs become dead letters")
        return
    tasks = ", ".join(library.tasks())
    yield ok(what, f"{len(library.prompts)} prompts render: {tasks} in {', '.join(languages)}")


def _asked_by_default() -> tuple[str, ...]:
    fields = {field["name"]: field for field in load_schema("image_upload")["fields"]}
    return tuple(fields["languages"]["default"])
