"""A library of prompts: read once, checked whole, then only looked up. It travels to the workers whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from transforms.captioner.api import RenderedPrompt
from transforms.captioner.prompts import template
from transforms.captioner.prompts.prompt import ANY, Prompt
from transforms.errors import ConfigInvalid, UnsupportedLanguage, UnsupportedTask
from transforms.languages import lookup


class Library:
    """Prompts by task, category and language; equal to another one of the same content.

    Raises `ConfigInvalid`, naming ``source``, when two prompts share a place or an upload could find none.
    """

    def __init__(self, version: str, prompts: tuple[Prompt, ...], source: str) -> None:
        self.version = version
        self.prompts = prompts
        self.source = source
        """The file, as the user named it."""
        check_apart(prompts, source)
        self._places = {prompt.place: prompt for prompt in prompts}
        tasks = sorted({prompt.task for prompt in prompts})
        self._languages = {
            task: tuple(sorted({prompt.language for prompt in prompts if prompt.task == task})) for task in tasks
        }
        for prompt in prompts:
            if (prompt.task, ANY, prompt.language) not in self._places:
                lonely = f"no prompt for {prompt.task} in `{prompt.language}` serves the category `{ANY}`"
                raise wrong(source, prompt.id, lonely, "add one, so that no upload is left without a prompt")

    @classmethod
    def load(cls, name_or_path: str = "default") -> Library:
        """Read a bundled library or a TOML file. Raises `ConfigInvalid` naming file and prompt."""
        from transforms.captioner.prompts.load import load_library

        return load_library(name_or_path)

    def __eq__(self, other: object) -> bool:
        """By content: what is looked up is the same."""
        if not isinstance(other, Library):
            return NotImplemented
        return (self.version, self.prompts) == (other.version, other.prompts)

    def __hash__(self) -> int:
        """As they are compared."""
        return hash((self.version, self.prompts))

    def tasks(self) -> tuple[str, ...]:
        """Tasks served, sorted."""
        return tuple(self._languages)

    def languages(self, task: str) -> tuple[str, ...]:
        """Languages in which a task is served, sorted; empty for a task that is not."""
        return self._languages.get(task, ())

    def language(self, task: str, asked: str) -> str:
        """The language in which a task is served for who asks for a canonical tag: ``en`` for ``en-US``.

        Raises `UnsupportedTask` and `UnsupportedLanguage`, naming what exists.
        """
        languages = self.languages(task)
        if not languages:
            raise UnsupportedTask(f"task `{task}` is not served; the prompt library serves {_ticked(self.tasks())}")
        found = lookup(asked, languages)
        if found is None:
            raise UnsupportedLanguage(
                f"no prompt for {task} in `{asked:.80}`; the prompt library speaks {_ticked(languages)}"
            )
        return found

    def find(self, category: str, task: str, language: str) -> Prompt:
        """The category's prompt, or that of `ANY`. Raises as `language` does."""
        language = self.language(task, language)
        return self._places.get((task, category, language)) or self._places[task, ANY, language]

    def render(
        self, category: str, task: str, language: str, attributes: Mapping[str, str], question: str | None
    ) -> RenderedPrompt:
        """Fill in the prompt of `find`. Raises as `language` does."""
        prompt = self.find(category, task, language)
        text = template.fill(prompt.text, prompt.language, attributes, question)
        return RenderedPrompt(
            text=text,
            language=prompt.language,
            prompt_id=prompt.id,
            prompt_version=prompt.version or self.version,
            system=prompt.system,
            max_new_tokens=prompt.max_new_tokens,
            is_general=text == template.general(prompt.text, prompt.language),
            form=prompt.form,
        )


def check_apart(prompts: Sequence[Prompt], source: str) -> None:
    """Raise `ConfigInvalid` when two prompts share an id or a place."""
    places: dict[tuple[str, str, str], Prompt] = {}
    ids: set[str] = set()
    for prompt in prompts:
        if prompt.id in ids:
            raise wrong(source, prompt.id, "its id is used twice", "give each prompt its own id")
        ids.add(prompt.id)
        twin = places.setdefault(prompt.place, prompt)
        if twin is not prompt:
            shared = f"it has the task, category and language of `{twin.id}`"
            raise wrong(source, prompt.id, shared, "drop one of the two")


def wrong(source: str, prompt: str, what: str, remedy: str) -> ConfigInvalid:
    """What is to be raised about a prompt."""
    return ConfigInvalid(f"prompt library `{source}`, prompt `{prompt}`: {what}; {remedy}")


def _ticked(values: tuple[str, ...]) -> str:
    return ", ".join(f"`{value}`" for value in values)
