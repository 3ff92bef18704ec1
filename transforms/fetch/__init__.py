"""Fetch image: the bytes of an upload, from the event itself, a file under one directory, or a host that is allowed."""

from transforms.fetch.fetcher import Fetcher, FetchImage
from transforms.fetch.limits import FetchLimits, HttpLimits

__all__ = ["FetchImage", "FetchLimits", "Fetcher", "HttpLimits"]
