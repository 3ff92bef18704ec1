"""Which captioner: the one place that knows them all, and imports only the one asked for."""

from __future__ import annotations

from transforms.captioner.api import Captioner, CaptionerOptions


def create(options: CaptionerOptions) -> Captioner:
    """Load a captioner, in seconds for a model. Raises `transforms.errors.JobError` when it cannot work."""
    if options.kind == "fake":
        from transforms.captioner.fake import FakeCaptioner

        return FakeCaptioner(slots=options.slots)
    from transforms.captioner.huggingface import HuggingFaceCaptioner

    return HuggingFaceCaptioner(options)
