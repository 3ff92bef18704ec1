"""The options that say whether Prometheus may ask the job's processes."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.metrics.options import MetricsOptions


def add_metrics(command: argparse.ArgumentParser) -> None:
    """What `metrics_options` reads."""
    group = command.add_argument_group("metrics", "docs/metrics.md lists them")
    group.add_argument(
        "--metrics-port",
        type=int,
        default=0,
        metavar="PORT",
        help="let Prometheus scrape each process of the job: the first one of a host at this port, others at the next "
        "free one of 15 (default 0: off)",
    )
    group.add_argument(
        "--metrics-address",
        default="0.0.0.0",  # noqa: S104 - there is no secret in it
        metavar="ADDRESS",
        help="where to listen (default: everywhere)",
    )


def metrics_options(arguments: argparse.Namespace) -> MetricsOptions:
    """What `add_metrics` was told. Raises `ConfigInvalid`."""
    from pipeline.metrics.options import MetricsOptions

    return MetricsOptions(arguments.metrics_port, arguments.metrics_address)
