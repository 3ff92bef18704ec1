"""Writers' schemas, the prompt library and the policy."""

import json
from pathlib import Path

from data.check_plan import lines, plan

from pipeline.check.prompts import prompt_findings
from pipeline.check.schemas import schema_findings
from schemas.codec import FOLDER, WireFormat


def schema(path: Path, drop: str = "", retype: str = "") -> str:
    content = json.loads((FOLDER / "image_upload.avsc").read_text())
    content["fields"] = [field for field in content["fields"] if field["name"] != drop]
    for field in content["fields"]:
        if field["name"] == retype:
            field.update(type="boolean")
            field.pop("default", None)
    path.write_text(json.dumps(content))
    return str(path)


def test_the_bundled_schema() -> None:
    assert lines(schema_findings(WireFormat())) == ["ok schema: uploads are bare Avro of the bundled `image_upload`"]
    (both,) = lines(schema_findings(WireFormat("mixed")))
    assert both == "ok schema: uploads are bare Avro of the bundled `image_upload`, or in Confluent's wire format"
    wire = WireFormat("confluent", ((7, "image_upload"),))
    assert lines(schema_findings(wire)) == ["ok schema 7: events of `image_upload` can be read"]


def test_a_writer_that_lacks_a_field(tmp_path: Path) -> None:
    without_category = schema(tmp_path / "old.avsc", drop="category")  # it has a default
    without_id = schema(tmp_path / "no-id.avsc", drop="image_id")
    another_type = schema(tmp_path / "merchant.avsc", retype="merchant")
    wire = WireFormat("confluent", ((1, without_category), (2, without_id), (3, another_type)))
    good, bad, other = lines(schema_findings(wire))
    assert good == f"ok schema 1: events of `{without_category}` can be read"
    assert bad.startswith(f"fail schema 2: `{without_id}` does not fit what the job reads: No default value for ")
    assert bad.endswith("-> write uploads by a schema that schemas/image_upload.avsc can read, or mend --schema-id")
    assert other.startswith(f"fail schema 3: `{another_type}` does not fit what the job reads: ")


def test_bundled_prompts_render() -> None:
    assert lines(prompt_findings("tiny", 768)) == ["ok prompts tiny: 2 prompts render: DESCRIBE in en, zh-Hans"]
    (line,) = lines(prompt_findings("default", 768))
    assert line.startswith("ok prompts default: ")


def test_a_library_that_lacks_a_language_that_uploads_ask_for(tmp_path: Path) -> None:
    path = tmp_path / "prompts.toml"
    prompt = 'id = "a"\ntask = "DESCRIBE"\ncategory = "*"\nlanguage = "en"\ntext = "Describe it."\n'
    path.write_text(f'version = "1"\n[[prompt]]\n{prompt}')
    assert lines(prompt_findings(str(path), 768)) == [
        f"warn prompts {path}: has no DESCRIBE in `zh-Hans`, and uploads that name no languages ask for it -> add the "
        "prompt, or let uploads name their languages: theirs become dead letters"
    ]
    short = lines(prompt_findings(str(path), 100))
    assert short[0].startswith(
        f"warn prompts {path}: prompt `a`: with the longest attributes and its answer it has about"
    )
    assert short[0].endswith("-> shorten it, name fewer attributes or raise --text-tokens")


def test_a_library_that_a_job_would_refuse(tmp_path: Path) -> None:
    path = tmp_path / "prompts.toml"
    path.write_text(
        'version = "1"\n[[prompt]]\nid = "a"\ntask = "DESCRIBE"\ncategory = "*"\nlanguage = "en"\ntext = "{title"\n'
    )
    (line,) = lines(prompt_findings(str(path), 768))
    assert line.startswith(f"fail prompts {path}: ")
    assert "braces" in line
    assert plan("--prompts", str(path)).prompts == str(path)  # the rest is looked at with the bundled ones
