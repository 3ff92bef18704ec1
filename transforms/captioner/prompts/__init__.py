"""The prompt library: TOML files, one prompt per category, task and language."""

from transforms.captioner.prompts.library import Library, Prompt

__all__ = ["Library", "Prompt"]
