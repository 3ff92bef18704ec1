"""A fake captioner that takes its time: ``--captioner live.slow:create``; 5 pictures a second at 8 slots."""

from transforms.captioner.api import CaptionerOptions
from transforms.captioner.fake import FakeCaptioner

BATCH_SECONDS = 0.8


def create(options: CaptionerOptions) -> FakeCaptioner:
    return FakeCaptioner(options.slots, delay=BATCH_SECONDS)
