"""Every way an upload, or the job, can fail.

::

    CaptionstreamError
    ├── InputError                  one upload's fault: it ends as a dead letter
    │   ├── EventUndecodable        event_undecodable
    │   ├── UnknownSchema           unknown_schema
    │   ├── EventInvalid            event_invalid
    │   ├── UnsupportedTask         unsupported_task
    │   ├── UnsupportedLanguage     unsupported_language
    │   ├── SourceForbidden         source_forbidden
    │   ├── ImageMissing            image_missing
    │   ├── ImageUnreadable         image_unreadable            retryable
    │   ├── ImageEmpty              image_empty
    │   ├── ImageTooLarge           image_too_large
    │   ├── ImageFormatUnsupported  image_format_unsupported
    │   ├── ImageTooManyPixels      image_too_many_pixels
    │   ├── ImageBomb               image_bomb
    │   ├── ImageTooManyFrames      image_too_many_frames
    │   ├── ImageCorrupt            image_corrupt
    │   ├── PromptTooLong           prompt_too_long
    │   ├── CaptionRejected         caption_rejected            retryable
    │   ├── CaptionFailed           caption_failed              retryable
    │   ├── RecordTooLarge          record_too_large
    │   └── StageFailed             stage_failed                retryable
    └── JobError                    not the input's fault: the job stops and says why
        ├── ConfigInvalid           config_invalid
        ├── JavaMissing             java_missing
        ├── JarUnavailable          jar_unavailable
        ├── BrokerUnreachable       broker_unreachable
        ├── BrokerRefused           broker_refused
        ├── RunnerUnreachable       runner_unreachable
        ├── RunnerRefused           runner_refused
        ├── PrismMissing            prism_missing
        ├── TopicMissing            topic_missing
        ├── OffsetsUnavailable      offsets_unavailable
        ├── ModelUnavailable        model_unavailable
        ├── StageBroken             stage_broken
        ├── CaptionerBroken         captioner_broken
        ├── CaptionerStalled        captioner_stalled
        └── OutputStalled           output_stalled

A message says what happened, the value in backticks, and what to do. It never carries a secret, a query
string or a stack trace.
"""

from __future__ import annotations

from typing import ClassVar


class CaptionstreamError(Exception):
    """Base of everything this project raises on purpose."""

    code: ClassVar[str] = "captionstream_error"
    """Stable, machine-readable; appears in dead letters, counters and documentation."""
    retryable: ClassVar[bool] = False
    """True when the same input may succeed later without being changed."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InputError(CaptionstreamError):
    """One upload cannot be captioned; the rest go on."""

    code = "input_error"


class EventUndecodable(InputError):
    """The record's value is not an upload event in the configured wire format."""

    code = "event_undecodable"


class UnknownSchema(InputError):
    """The record names a schema id that is not configured."""

    code = "unknown_schema"


class EventInvalid(InputError):
    """The event decodes but breaks its contract: no image id, no picture, two pictures, a deletion without key."""

    code = "event_invalid"


class UnsupportedTask(InputError):
    """The event asks for a task that this version does not serve."""

    code = "unsupported_task"


class UnsupportedLanguage(InputError):
    """No prompt exists for the language asked for; the message names those that exist."""

    code = "unsupported_language"


class SourceForbidden(InputError):
    """The picture's address is outside what the operator allows, or its host refuses us."""

    code = "source_forbidden"


class ImageMissing(InputError):
    """The address is allowed but nothing is there."""

    code = "image_missing"


class ImageUnreadable(InputError):
    """The picture exists but could not be read this time."""

    code = "image_unreadable"
    retryable = True


class ImageEmpty(InputError):
    """The picture has no bytes."""

    code = "image_empty"


class ImageTooLarge(InputError):
    """The picture has more bytes than the cap."""

    code = "image_too_large"


class ImageFormatUnsupported(InputError):
    """The content is not one of the allowed formats, whatever its name says."""

    code = "image_format_unsupported"


class ImageTooManyPixels(InputError):
    """The picture is larger than the pixel cap."""

    code = "image_too_many_pixels"


class ImageBomb(InputError):
    """The picture declares far more data than its bytes can honestly hold."""

    code = "image_bomb"


class ImageTooManyFrames(InputError):
    """The animation has more frames than the cap."""

    code = "image_too_many_frames"


class ImageCorrupt(InputError):
    """The format is right but the data is truncated or damaged."""

    code = "image_corrupt"


class PromptTooLong(InputError):
    """The prompt with the upload's attributes, the picture and the answer are more tokens than a slot holds."""

    code = "prompt_too_long"


class CaptionRejected(InputError):
    """Every text the model wrote for this picture was refused by the review."""

    code = "caption_rejected"
    retryable = True


class CaptionFailed(InputError):
    """The captioner raised an error for this one request."""

    code = "caption_failed"
    retryable = True


class RecordTooLarge(InputError):
    """The broker refuses the record because of its size."""

    code = "record_too_large"


class StageFailed(InputError):
    """A stage raised something unforeseen on this one record: a bug, kept with its record instead of a crash loop."""

    code = "stage_failed"
    retryable = True


class JobError(CaptionstreamError):
    """Not the input's fault. Uploads must not be drained into dead letters for it: the job stops."""

    code = "job_error"


class ConfigInvalid(JobError):
    """An option is wrong; the message names the option that mends it."""

    code = "config_invalid"


class JavaMissing(JobError):
    """The local broker needs Java 17 or newer."""

    code = "java_missing"


class JarUnavailable(JobError):
    """A pinned jar could not be fetched, or its content is not what was pinned."""

    code = "jar_unavailable"


class BrokerUnreachable(JobError):
    """No Kafka broker answered, or it stopped answering."""

    code = "broker_unreachable"


class BrokerRefused(JobError):
    """A Kafka broker was reached and would not serve us: credentials, certificates or the security protocol."""

    code = "broker_refused"


class RunnerUnreachable(JobError):
    """No runner (Flink, Prism, a worker pool) answered, or it did not start."""

    code = "runner_unreachable"


class RunnerRefused(JobError):
    """A runner answered that it would not, or its job did not get where it was waited for."""

    code = "runner_refused"


class PrismMissing(JobError):
    """There is no Prism here and none could be built."""

    code = "prism_missing"


class TopicMissing(JobError):
    """The topic does not exist."""

    code = "topic_missing"


class OffsetsUnavailable(JobError):
    """Offsets that were to be read are no longer, or not yet, in the topic."""

    code = "offsets_unavailable"


class ModelUnavailable(JobError):
    """The model directory is missing, incomplete or of another architecture."""

    code = "model_unavailable"


class StageBroken(JobError):
    """A stage raised the same unforeseen error on most recent records."""

    code = "stage_broken"


class CaptionerBroken(JobError):
    """Most recent requests failed for one same reason that is not the input's."""

    code = "captioner_broken"


class CaptionerStalled(JobError):
    """The captioner took a request and did not settle it in time."""

    code = "captioner_stalled"


class OutputStalled(JobError):
    """Nothing was written for the watchdog's limit although something is owed."""

    code = "output_stalled"
