"""The address of a model server: checked where it is given, for a job takes it to its workers."""

from __future__ import annotations

from urllib.parse import urlsplit

from transforms.errors import ConfigInvalid


def check_endpoint(endpoint: str) -> None:
    """Raise `ConfigInvalid`, without a word of it: a password may stand in it."""
    try:
        parts = urlsplit(endpoint)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets or a port that are none
        is_good = False
    if not is_good or "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigInvalid(
            "the captioner `vllm` needs --endpoint http://HOST:PORT/v1, without a user or a query; "
            "a key goes to --api-key"
        )
