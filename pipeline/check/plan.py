"""The job that is checked, as its options make it."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.config import Config
from pipeline.runners.options import FLINK, Submission


@dataclass(frozen=True, slots=True)
class Plan:
    """What `captionstream run` or `replay` would do with the same words."""

    config: Config
    submission: Submission | None
    """None: a replay in this process."""
    prompts: str
    """Name or path of the library, which may be a broken one: ``config`` has the bundled one then."""
    group: str = ""
    """Consumer group; a replay has none."""
    starts_anew: bool = True
    """It is not said where to go on from: no --resume, --rewind or --from."""
    only_changed: bool = False

    @property
    def is_here(self) -> bool:
        """Whether Python workers run on this machine, as far as the options tell."""
        job = self.submission
        if job is None or job.runner == "prism":
            return True
        if job.runner != FLINK:
            return False
        return job.environment.startswith(("loopback", "process")) or (
            not job.environment and job.flink_master == "[local]" and not job.job_endpoint
        )

    @property
    def read_outputs(self) -> tuple[str, ...]:
        """Topics of the job's own that it reads as well."""
        topics = self.config.topics
        return tuple(name for name in (topics.cache, topics.captions if self.only_changed else "") if name)
