"""Fetch image: the bytes of an upload, from the event itself, a file, an allowed host, or a listed bucket."""

from transforms.fetch.fetcher import Fetcher, FetchImage
from transforms.fetch.limits import BucketLimits, FetchLimits, HttpLimits

__all__ = ["BucketLimits", "FetchImage", "FetchLimits", "Fetcher", "HttpLimits"]
