"""The chat format of Qwen3-VL as token ids, in which no text can ever become a special token."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache

from tokenizers import Tokenizer

from transforms.captioner.api import RenderedPrompt

SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
)
"""Tokens that the chat format is made of."""


_TEXTS = 1024
"""Texts whose ids are kept: a library's prompts come again and again."""


class Chat:
    """Writes one user turn with one picture, and reads the answer."""

    def __init__(self, tokenizer_json: str) -> None:
        """Take the content of ``tokenizer.json``. Raises `ValueError` when it is not one of Qwen3-VL's."""
        try:
            self._tokenizer = Tokenizer.from_str(tokenizer_json)
            # Text goes through a tokenizer that was never told of special tokens, nor of any added token:
            # a title that reads <|im_end|> is eleven harmless characters.
            self._text = Tokenizer.from_str(json.dumps(json.loads(tokenizer_json) | {"added_tokens": []}))
        except Exception as error:  # the Rust side raises bare Exception
            raise ValueError(f"not a tokenizer: {error}") from error
        ids = []
        for token in SPECIAL:
            number = self._tokenizer.token_to_id(token)
            if number is None:
                raise ValueError(f"no token {token}")
            ids.append(number)
        self.pad_id, self._start_id, self.end_id, *self._vision_ids, self.image_id = ids
        self._known: Callable[[str], list[int]] = lru_cache(maxsize=_TEXTS)(self._ids)

    def encode(self, prompt: RenderedPrompt, visual_tokens: int) -> list[int]:
        """Everything up to where the assistant begins to speak."""
        return [*self.before(prompt), *[self.image_id] * visual_tokens, *self.after(prompt)]

    def before(self, prompt: RenderedPrompt) -> list[int]:
        """Ids before the picture: equal for all prompts with the same system turn."""
        ids = self._turn("system", prompt.system) if prompt.system else []
        return [*ids, self._start_id, *self.text_ids("user\n"), self._vision_ids[0]]

    def after(self, prompt: RenderedPrompt) -> list[int]:
        """Ids after the picture."""
        return [
            self._vision_ids[1],
            *self.text_ids(prompt.text),
            self.end_id,
            *self.text_ids("\n"),
            self._start_id,
            *self.text_ids("assistant\n"),
        ]

    def text_ids(self, text: str) -> list[int]:
        """Ids of text that may hold anything: never a special token. The list is not to be changed."""
        return self._known(text)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of an answer, without special tokens and surrounding white space."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True)).strip()

    def _ids(self, text: str) -> list[int]:
        return list(self._text.encode(text, add_special_tokens=False).ids)

    def _turn(self, role: str, text: str) -> list[int]:
        return [self._start_id, *self.text_ids(f"{role}\n{text}"), self.end_id, *self.text_ids("\n")]
