"""Which captioner: the one place that knows them all, and imports only the one asked for."""

from __future__ import annotations

import importlib

from transforms.captioner.api import Captioner, CaptionerOptions
from transforms.errors import ConfigInvalid


def create(options: CaptionerOptions) -> Captioner:
    """Load a captioner, in seconds for a model. Raises `transforms.errors.JobError` when it cannot work."""
    if options.has_own_process:
        from transforms.captioner.process.captioner import ProcessCaptioner

        return ProcessCaptioner(options)
    if options.kind == "fake":
        from transforms.captioner.fake import FakeCaptioner

        return FakeCaptioner(slots=options.slots)
    if options.kind == "engine":
        from transforms.captioner.engine.captioner import EngineCaptioner

        return EngineCaptioner(options)
    if options.kind == "vllm":
        from transforms.captioner.vllm import VllmCaptioner

        return VllmCaptioner(options)
    if ":" in options.kind:
        return _own(options)
    from transforms.captioner.huggingface import HuggingFaceCaptioner

    return HuggingFaceCaptioner(options)


def _own(options: CaptionerOptions) -> Captioner:
    module, _, function = options.kind.partition(":")
    try:
        factory = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ConfigInvalid(
            f"captioner `{options.kind}` cannot be imported (`{error}`); mend --captioner, or put its module on "
            "PYTHONPATH where the workers run"
        ) from error
    made: Captioner = factory(options)
    return made
