"""The prompt library: TOML files, one prompt per category, task and language."""

from transforms.captioner.prompts.library import Library
from transforms.captioner.prompts.prompt import Prompt

__all__ = ["Library", "Prompt"]
