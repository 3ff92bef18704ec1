"""Whether and where a process is scraped. Travels to the workers with the job."""

from __future__ import annotations

from dataclasses import dataclass

from transforms.errors import ConfigInvalid

PORTS = 16
"""Processes on one host: the first takes the port that was given, each further one the next that is free."""


@dataclass(frozen=True, slots=True)
class MetricsOptions:
    """An endpoint for each process."""

    port: int = 0
    """The first of `PORTS`; 0: no endpoint."""
    address: str = "0.0.0.0"  # noqa: S104 - Prometheus comes from elsewhere; there is no secret in it
    """Of the interface that listens."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it."""
        if self.port and not 1024 <= self.port <= 65536 - PORTS:
            raise ConfigInvalid(
                f"metrics port `{self.port}` is not 1024 to {65536 - PORTS}: a host's processes take it and the "
                f"{PORTS - 1} after it; mend --metrics-port, 0 for no endpoint"
            )
