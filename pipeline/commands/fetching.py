"""The options that say where pictures may come from. Imports nothing heavy until asked to."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from pipeline.commands.duration import milliseconds
from pipeline.commands.given import given

if TYPE_CHECKING:
    from transforms.fetch import FetchLimits


def add_fetching(group: Any) -> None:
    """What `fetch_limits` reads, but for ``--max-image-bytes``."""
    group.add_argument("--file-root", help="the one directory that file: addresses may lead to")
    group.add_argument(
        "--fetch-host",
        action="append",
        default=[],
        metavar="HOST",
        help="host from which https: pictures are fetched; .example.com is that domain and all below it, '*' any host "
        "with public addresses; repeatable (default none)",
    )
    group.add_argument("--fetch-plain-http", action="store_true", help="from these hosts http: pictures, too")
    group.add_argument(
        "--fetch-port", action="append", type=int, default=[], metavar="PORT", help="besides 80 and 443; repeatable"
    )
    group.add_argument(
        "--fetch-network",
        action="append",
        default=[],
        metavar="CIDR",
        help="private network in which these hosts may be, for example 10.2.0.0/16; repeatable (default none: public "
        "addresses only)",
    )
    group.add_argument(
        "--fetch-bucket",
        action="append",
        default=[],
        metavar="BUCKET",
        help="s3://name or gs://name from which pictures are read with the worker's own rights; repeatable (default "
        "none); needs captionstream[s3] or captionstream[gs]",
    )
    group.add_argument("--fetch-s3-endpoint", metavar="URL", help="https://host:port of a store that speaks S3")
    group.add_argument("--fetch-gs-endpoint", metavar="URL", help="the same for gs: buckets")
    group.add_argument(
        "--fetch-proxy",
        metavar="URL",
        help="http://host:port through which hosts are asked (default none, whatever the environment says); it looks "
        "names up, so where they lead is not judged here, and '*' is refused",
    )
    group.add_argument("--fetch-ca-file", metavar="FILE", help="authorities trusted besides the system's, PEM")
    group.add_argument(
        "--fetch-timeout",
        default="20s",
        metavar="DURATION",
        help="for one picture, with its redirects and up to 3 attempts (default 20s)",
    )
    group.add_argument("--fetch-connections", type=int, metavar="N", help="of a Python worker (default 48)")
    group.add_argument("--fetch-connections-per-host", type=int, metavar="N", help="of a Python worker (default 8)")
    group.add_argument(
        "--fetch-memory", type=int, metavar="MIB", help="of a Python worker, for fetched pictures (default 1024)"
    )


def fetch_limits(arguments: argparse.Namespace) -> FetchLimits:
    """The options of `add_fetching`. Raises `ConfigInvalid`."""
    from transforms.fetch import BucketLimits, FetchLimits, HttpLimits
    from transforms.fetch.signing import require_packages

    memory = None if arguments.fetch_memory is None else arguments.fetch_memory << 20
    http = HttpLimits(
        hosts=tuple(arguments.fetch_host),
        allow_plain=arguments.fetch_plain_http,
        ports=tuple(arguments.fetch_port),
        networks=tuple(arguments.fetch_network),
        proxy=arguments.fetch_proxy,
        ca_file=arguments.fetch_ca_file,
        seconds=milliseconds(arguments.fetch_timeout, "--fetch-timeout") / 1000,
        **given(
            {
                "connections": arguments.fetch_connections,
                "connections_per_host": arguments.fetch_connections_per_host,
                "memory": memory,
            }
        ),
    )
    buckets = BucketLimits(
        tuple(arguments.fetch_bucket),
        s3_endpoint=arguments.fetch_s3_endpoint,
        gs_endpoint=arguments.fetch_gs_endpoint,
    )
    require_packages(buckets)
    most = given({"max_bytes": arguments.max_image_bytes})
    return FetchLimits(arguments.file_root, **most, http=http, buckets=buckets)
