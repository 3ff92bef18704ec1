"""The images: pinned, not root, no weights, and what they install is what the lock says."""

import fnmatch
import re
from pathlib import Path

import pytest
from deploy.reading import DEPLOY, DOCKERFILES, MANIFESTS, ROOT, images, instructions, load, mappings

from pipeline.runners.job_server import FLINK_VERSION, runner_version
from pipeline.runners.options import Submission

WORKER = DEPLOY / "docker" / "Dockerfile"
DATAFLOW = DEPLOY / "dataflow" / "Dockerfile"
LOCK = (ROOT / "requirements.lock").read_text()
BEAM = re.search(r"^apache-beam==(\S+)", LOCK, re.M)[1]  # type: ignore[index]
KNOWN = {"FROM", "ARG", "RUN", "COPY", "ENV", "WORKDIR", "USER", "ENTRYPOINT"}


def _of(dockerfile: Path, *names: str) -> list[str]:
    return [one.text for one in instructions(dockerfile) if one.name in names]


@pytest.mark.parametrize("path", [*DOCKERFILES, *MANIFESTS], ids=lambda path: path.parent.name + "-" + path.name)
def test_every_image_has_a_version(path: Path) -> None:
    for image in images(path):
        name, _, tag = image.rpartition(":")
        assert name, image
        assert re.search(r"\d", tag), image
        assert "latest" not in tag


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_the_file_reads_as_a_dockerfile(path: Path) -> None:
    said = instructions(path)
    assert {one.name for one in said} <= KNOWN
    assert next(one.name for one in said if one.name != "ARG") == "FROM"
    assert said[-1] == ("ENTRYPOINT", '["/opt/apache/beam/boot"]')


def test_the_worker_is_not_root() -> None:
    users = _of(WORKER, "USER")
    assert users
    assert all(re.fullmatch(r"[1-9]\d*:[1-9]\d*", user) for user in users)


def test_root_in_dataflow_is_meant() -> None:
    assert _of(DATAFLOW, "USER") == ["root"]
    assert "# Dataflow mounts its folders for root" in DATAFLOW.read_text()


def test_copied_are_our_packages_and_no_weights() -> None:
    copied = [text.split()[:-1] for text in _of(WORKER, "COPY") if not text.startswith("--from=")]
    names = {name for part in copied for name in part}
    assert names == {"pyproject.toml", "requirements.lock", "README.md", "LICENSE", "schemas", "transforms", "pipeline"}
    # The one checkpoint of the package is the tiny one, of a few megabytes.
    weights = [path for name in names for path in (ROOT / name).rglob("*.safetensors")]
    assert [path.parent.name for path in weights] == ["tiny"]
    assert not _of(WORKER, "ADD")


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_what_is_copied_passes_the_ignore_file(path: Path) -> None:
    lines = path.with_name("Dockerfile.dockerignore").read_text().splitlines()
    assert next(line for line in lines if line and line[0] not in "#!") == "*"
    allowed = [line[1:] for line in lines if line.startswith("!")]
    for text in _of(path, "COPY"):
        for name in [] if text.startswith("--from=") else text.split()[:-1]:
            assert any(fnmatch.fnmatch(name, pattern) for pattern in allowed), name
            assert (ROOT / name).exists()


def test_packages_come_by_the_lock_alone() -> None:
    pip = [text for text in _of(WORKER, "RUN") if re.search(r"\bpip install", text)]
    assert [" ".join(text.split("install ")[-1].split()) for text in pip] == [
        "--no-cache-dir uv==0.13.9",
        "--requirement pyproject.toml --extra redis --extra s3 --extra gs --constraint requirements.lock",
        "--no-deps .",
    ]
    pinned = re.findall(r"^(\S+?)==\S+ \\\n    --hash=sha256:", LOCK, re.M)
    assert len(pinned) == len(re.findall(r"^\S+==", LOCK, re.M)) > 50


def test_dataflow_adds_only_and_pins_by_hash() -> None:
    assert any("--no-deps --require-hashes" in text for text in _of(DATAFLOW, "RUN"))
    both = dict(re.findall(r"^([\w.-]+)==(\S+)", LOCK, re.M))
    added = dict(re.findall(r"^([\w.-]+)==(\S+)", (DEPLOY / "dataflow" / "requirements.lock").read_text(), re.M))
    assert {name: version for name, version in added.items() if both.get(name, version) != version} == {}
    assert "google-cloud-dataflow-client" in added


def test_one_beam_everywhere() -> None:
    assert _of(WORKER, "ARG") == [f"BEAM={BEAM}"]
    assert f"apache/beam_python3.11_sdk:{BEAM}" in images(WORKER)
    assert f"apache/beam_flink{FLINK_VERSION}_job_server:{BEAM}" in images(WORKER)
    jar = re.search(r"\S+/beam-runners-flink-[\d.]+-job-server-[\d.]+\.jar", WORKER.read_text())
    assert jar
    assert runner_version(Submission(job_server=jar[0])) == BEAM
    for path in MANIFESTS:
        for named in re.findall(r"\S*beam-runners-flink\S+\.jar", path.read_text()):
            assert named.removeprefix("--job-server=") == jar[0]


def test_python_is_the_one_the_lock_is_for() -> None:
    assert "python3.11" in "".join(_of(WORKER, "RUN"))
    assert all(
        "python" not in image or "3.11" in image or "311" in image for path in DOCKERFILES for image in images(path)
    )


def test_one_version_of_ours() -> None:
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.M)[1]  # type: ignore[index]
    for path in [*DOCKERFILES, *MANIFESTS, DEPLOY / "dataflow" / "launch.sh"]:
        assert set(re.findall(r"captionstream:([\d.]+\d)", path.read_text())) <= {version}


def test_secrets_are_references() -> None:
    for path in MANIFESTS:
        for part in mappings(load(path)):
            for name in ("KAFKA_PASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"):
                assert name not in part
                if part.get("name") == name:
                    assert set(part) == {"name", "valueFrom"}
    assert not any(
        name in text for path in DOCKERFILES for text in _of(path, "ENV", "ARG") for name in ("PASSWORD", "SECRET")
    )
