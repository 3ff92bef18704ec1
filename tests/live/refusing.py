"""A fake captioner whose texts for one merchant the review refuses: ``--captioner live.refusing:create``."""

from transforms.captioner.api import CaptionerOptions, CaptionRequest, RenderedPrompt
from transforms.captioner.fake import FakeCaptioner

REFUSED = "refused"


def create(options: CaptionerOptions) -> FakeCaptioner:
    return FakeCaptioner(options.slots, script=_script)


def _script(request: CaptionRequest, prompt: RenderedPrompt) -> str | None:
    return "!" * 40 if request.source == REFUSED else None
