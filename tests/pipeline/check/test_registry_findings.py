"""What a schema registry says of the job that is checked."""

from data.check_plan import lines, plan
from data.registry_server import RegistryServer

from pipeline.check.events import event_findings
from pipeline.check.registry import registry_findings
from pipeline.check.schemas import schema_findings
from schemas.codec import schema_json


def test_no_registry_is_named() -> None:
    assert list(registry_findings(plan("--topic", "uploads"))) == []


def test_each_subject_is_a_line() -> None:
    with RegistryServer() as server:
        server.put("uploads-value", schema_json("image_upload"))
        server.put("image-captions-value", schema_json("caption"))
        job = plan("--topic", "uploads", "--registry", server.url)
        uploads, captions, audit = lines(registry_findings(job))
        assert uploads == "ok subject uploads-value: the only version of `uploads-value` can be read as uploads"
        assert captions.startswith("warn subject image-captions-value: our schema `caption` is version 1 of ")
        assert captions.endswith("so that no later version breaks a consumer")
        assert audit == (
            "fail subject image-captions-audit-value: our schema `audit` is not in subject `image-captions-audit-value`"
            " -> register it: captionstream schemas register"
        )
        assert lines(schema_findings(job.config.uploads_wire)) == []  # nothing is bare, and no writer is named


def test_a_registry_that_is_away_is_a_failure() -> None:
    with RegistryServer() as server:
        url = server.url
    job = plan("--topic", "uploads", "--registry", url)
    (line,) = lines(registry_findings(job))
    assert line.startswith(
        f"fail registry: the registry at `{url.removeprefix('http://')}` cannot be asked (`Connection"
    )
    assert lines(event_findings(None, job, job.config.kafka, None)) == [  # type: ignore[arg-type]
        "warn events: not decoded, for the registry does not answer -> see the line of the registry"
    ]
