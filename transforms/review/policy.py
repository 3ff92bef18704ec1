"""The review's policy: what a text must be, and what becomes of one that is not. It travels to the workers whole."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields

from transforms.errors import ConfigInvalid

REJECT, REDACT, ALLOW = "reject", "redact", "allow"
ACTIONS = (REJECT, REDACT, ALLOW)
ANY = "*"
"""Every task, or every language."""

SPANS = ("link", "email", "phone", "messenger")
"""Rules of code that know where in the text they hit: these can be redacted."""
WHOLES = (
    *("too_short", "too_long", "truncated", "one_character", "repetition"),
    *("markup", "refusal", "chatter", "instruction", "prompt_echo", "wrong_language"),
)
"""Rules of code that judge the text as a whole."""
RULES = (*WHOLES, *SPANS)
EVERY_LIST = "words"
"""In place of a rule's name: all word lists."""
UNPARSABLE = "unparsable"
"""Name of the rule that an answer must have the form that its prompt asked for: no policy may allow another."""
_DEFAULTS = dict.fromkeys(WHOLES, REJECT) | dict.fromkeys(SPANS, REDACT)

_CODE = "2"
"""Goes up when a change of the code changes what passes: it is part of every policy's version."""


@dataclass(frozen=True, slots=True)
class Length:
    """How many characters a text may have."""

    min: int
    max: int
    task: str = ANY
    language: str = ANY
    """A BCP 47 tag, its first part, or `ANY`."""


@dataclass(frozen=True, slots=True)
class WordClass:
    """A list of words under one name, which is the name of its rule."""

    name: str
    action: str
    words: tuple[str, ...]


LENGTHS = (
    Length(10, 1000),
    *(Length(4, 300, language=wide) for wide in ("zh", "yue", "ja", "ko")),
    Length(4, 600, "MODERATE"),
    Length(2, 300, "MODERATE", "zh"),
    Length(10, 300, "INDEX"),
    Length(4, 120, "INDEX", "zh"),
    Length(1, 600, "ANSWER"),
    Length(1, 300, "ANSWER", "zh"),
)
"""Characters of Chinese, Japanese and Korean carry about a word each. A right answer may be as short as a word."""


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """Everything the review goes by; by default the rules of code alone, without a word list."""

    name: str = "bare"
    release: str = "1"
    max_attempts: int = 3
    """Answers asked for before the upload gets a dead letter, or its fallback."""
    lengths: tuple[Length, ...] = LENGTHS
    max_run: int = 8
    """Longest run of one character: an all-``!`` answer is a known failure of the model."""
    max_repeated_share: float = 0.5
    """Share of 4-grams that occurred before in the same text."""
    max_redacted_share: float = 0.3
    """Share of its characters that a text may lose; one that would lose more is rejected."""
    mark: str = "[…]"
    """What stands in place of what was redacted."""
    actions: tuple[tuple[str, str], ...] = ()
    """What rules of code do where it is not what they do by default."""
    task_actions: tuple[tuple[str, str, str], ...] = (("MODERATE", EVERY_LIST, ALLOW),)
    """Task, rule and action, where that is another one for a task; the name of a list goes before `EVERY_LIST`.

    Who says what is wrong with a picture, or that nothing is, must be able to name it.
    """
    classes: tuple[WordClass, ...] = ()
    allowed: tuple[str, ...] = ()
    """Words that are right although one of a list is in them."""
    lookalikes: tuple[tuple[str, str], ...] = ()
    """Characters, and those that stand for each of them to get past a list; Latin letters' are known anyway."""
    fallbacks: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Language and templates of the text that an upload gets when every answer was rejected; none: a dead letter."""
    version: str = field(init=False, default="")
    """``name@release+digest``, part of the reuse key: a text accepted by another policy is judged again."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option or the key that mends it."""
        if self.max_attempts < 1:
            raise ConfigInvalid(f"max attempts `{self.max_attempts}` must be at least 1; mend --max-attempts")
        names = tuple(one.name for one in fields(self) if one.name not in ("max_attempts", "version"))
        content = repr((_CODE, *(getattr(self, name) for name in names)))
        digest = hashlib.sha256(content.encode()).hexdigest()[:8]
        object.__setattr__(self, "version", f"{self.name}@{self.release}+{digest}")

    def __eq__(self, other: object) -> bool:
        """Word lists are long, and the version stands for all of them: a worker compares with every text."""
        if not isinstance(other, ReviewPolicy):
            return NotImplemented
        return (self.version, self.max_attempts) == (other.version, other.max_attempts)

    def __hash__(self) -> int:
        """As they are compared."""
        return hash(self.version)

    def every_action(self) -> dict[str, str]:
        """What each rule does where no task says otherwise."""
        return _DEFAULTS | dict(self.actions) | {one.name: one.action for one in self.classes}

    def length(self, task: str, language: str) -> Length | None:
        """The limits for a text: those of its task go before those of its language, an exact tag before its first part.

        None where there are none.
        """
        tags = (language.lower(), language.split("-")[0].lower(), ANY)
        found = [one for one in self.lengths if one.task in (task, ANY) and one.language.lower() in tags]
        return min(found, key=lambda one: (one.task == ANY, tags.index(one.language.lower())), default=None)
