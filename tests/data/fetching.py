"""Fetches from hosts on this machine, with pauses that are noted and not made."""

from __future__ import annotations

from typing import Any

import pytest
from data.samples import upload

from transforms.errors import InputError
from transforms.fetch import Fetcher, FetchLimits, HttpLimits
from transforms.fetch.client import Client
from transforms.fetch.dial import Dial, Resolve, resolve

HERE = ("127.0.0.0/8", "::1/128")


class Here:
    """A fetcher that may connect to this machine only; ``pauses`` are those that it would have made."""

    def __init__(self, *ports: int, max_bytes: int = 10_000, resolving: Resolve = resolve, **rules: Any) -> None:
        rules = {"hosts": ("*",), "allow_plain": True, "ports": ports, "networks": HERE, **rules}
        self.pauses: list[float] = []
        self.limits = FetchLimits(max_bytes=max_bytes, http=HttpLimits(**rules))
        dial = Dial(self.limits.http.networks, resolving)
        self.client = Client(self.limits, dial, pause=self.pauses.append, chance=lambda: 0.5)
        self.fetcher = Fetcher(self.limits, self.client)

    def fetch(self, uri: str) -> bytes:
        return self.fetcher.fetch(upload(uri=uri))

    def refused(self, error: type[InputError], uri: str, *words: str) -> str:
        """Fetch in vain; what was said has these words and no secret."""
        with pytest.raises(error) as raised:
            self.fetch(uri)
        message = raised.value.message
        for word in words:
            assert word in message
        assert "s3cret" not in message
        return message
