"""The manifests for the Flink Kubernetes operator: fields, and what they promise each other.

They were also checked against the operator's own definition (v1beta1), which is not part of this repository.
"""

from typing import Any

import pytest
import yaml
from deploy.reading import DEPLOY, load, mappings

from pipeline.cli import parse
from pipeline.runners.job_server import FLINK_VERSION
from pipeline.runners.submit import FLINK_SETTINGS

CLUSTER = load(DEPLOY / "flink" / "cluster.yaml")
JOB = load(DEPLOY / "flink" / "job.yaml")
SPEC = CLUSTER["spec"]
FLINK = SPEC["flinkConfiguration"]
WORKERS = SPEC["taskManager"]["podTemplate"]["spec"]
POOL = WORKERS["containers"][1]
SUBMIT = JOB["spec"]["template"]["spec"]
MAIN = "flink-main-container"
CONTAINER_KEYS = {
    "args", "command", "env", "image", "livenessProbe", "name", "ports", "resources", "securityContext", "volumeMounts",
}  # fmt: skip
POD_KEYS = {
    "automountServiceAccountToken", "containers", "enableServiceLinks", "nodeSelector", "restartPolicy", "tolerations",
    "volumes",
}  # fmt: skip


def _options() -> Any:
    return parse([*SUBMIT["containers"][0]["command"][1:], *SUBMIT["containers"][0]["args"]])


def test_kinds_and_fields() -> None:
    assert (CLUSTER["apiVersion"], CLUSTER["kind"]) == ("flink.apache.org/v1beta1", "FlinkDeployment")
    assert (JOB["apiVersion"], JOB["kind"]) == ("batch/v1", "Job")
    assert CLUSTER["metadata"]["namespace"] == JOB["metadata"]["namespace"]
    assert set(SPEC) == {
        "image", "flinkVersion", "mode", "serviceAccount", "flinkConfiguration", "podTemplate", "jobManager",
        "taskManager",
    }  # fmt: skip
    for pod in (SPEC["podTemplate"]["spec"], WORKERS, SUBMIT):
        assert set(pod) <= POD_KEYS
        for container in pod["containers"]:
            assert set(container) <= CONTAINER_KEYS


def test_the_operator_merges_containers_by_place() -> None:
    assert SPEC["podTemplate"]["spec"]["containers"][0]["name"] == MAIN
    assert [container["name"] for container in WORKERS["containers"]] == [MAIN, "worker-pool"]


def test_flink_is_the_job_servers() -> None:
    assert SPEC["image"].startswith(f"flink:{FLINK_VERSION}.")
    assert SPEC["flinkVersion"] == "v" + FLINK_VERSION.replace(".", "_")


def test_settings_are_texts() -> None:
    assert all(isinstance(value, str) for value in FLINK.values())


def test_it_starts_again_as_a_local_job_does() -> None:
    assert {name: FLINK.get(name) for name in FLINK_SETTINGS} == FLINK_SETTINGS


def test_the_plugin_is_of_the_image_and_serves_the_addresses() -> None:
    (main,) = SPEC["podTemplate"]["spec"]["containers"]
    plugin = next(one["value"] for one in main["env"] if one["name"] == "ENABLE_BUILT_IN_PLUGINS")
    assert plugin == f"flink-s3-fs-presto-{SPEC['image'].removeprefix('flink:').split('-')[0]}.jar"
    places = [value for name, value in FLINK.items() if name.endswith(("Dir", ".dir"))]
    assert len(places) == 3
    assert all(place.startswith("s3://") for place in [*places, _options().checkpoint_dir])
    assert _options().checkpoint_dir == FLINK["state.checkpoints.dir"]


def test_one_card_one_slot_one_worker() -> None:
    assert FLINK["taskmanager.numberOfTaskSlots"] == "1"
    assert POOL["resources"]["limits"]["nvidia.com/gpu"] == POOL["resources"]["requests"]["nvidia.com/gpu"] == 1
    others = [part for part in mappings(SPEC) if "nvidia.com/gpu" in part and "memory" in part]
    assert len(others) == 2  # the two above: Flink itself asks for no card
    assert WORKERS["nodeSelector"]
    assert WORKERS["tolerations"][0]["key"] == "nvidia.com/gpu"


def test_the_job_finds_cluster_and_workers() -> None:
    options = _options()
    assert options.flink_master == f"{CLUSTER['metadata']['name']}-rest:8081"
    port = POOL["args"][0].removeprefix("--service_port=")
    assert options.environment == f"external:localhost:{port}"
    assert POOL["livenessProbe"]["tcpSocket"]["port"] == int(port)
    assert POOL["image"] == SUBMIT["containers"][0]["image"]


def test_the_worker_has_what_the_options_name() -> None:
    options = _options()
    mounts = {mount["mountPath"]: mount for mount in POOL["volumeMounts"]}
    for path in (options.model, options.kafka_ca_file):
        mount = next(mount for at, mount in mounts.items() if path.startswith(at + "/"))
        assert mount["readOnly"]
    variable = options.kafka_password.removeprefix("env:")
    assert variable in {one["name"] for one in POOL["env"]}
    assert not options.download


@pytest.mark.parametrize("pod", [WORKERS, SUBMIT], ids=["workers", "submit"])
def test_pods_are_closed_and_whole(pod: dict[str, Any]) -> None:
    container = pod["containers"][-1]
    assert container["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 9999,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}  # noqa: S108
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def test_a_job_is_submitted_once() -> None:
    assert JOB["spec"]["backoffLimit"] == 0
    assert SUBMIT["restartPolicy"] == "Never"


def test_the_loader_sees_a_key_twice() -> None:
    from deploy.reading import _UniqueKeys

    with pytest.raises(AssertionError, match="twice"):
        yaml.load("a: 1\na: 2\n", _UniqueKeys)  # noqa: S506
