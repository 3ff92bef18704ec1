"""compose.yaml: what its services say of each other holds together.

The files were also checked against the Compose specification's schema, which is not part of this repository.
"""

import re
from typing import Any

import pytest
from deploy.reading import DEPLOY, load

COMPOSE = load(DEPLOY / "compose.yaml")
GPU = load(DEPLOY / "compose.gpu.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
KEYS = {
    "build", "command", "configs", "depends_on", "entrypoint", "environment", "healthcheck", "image", "network_mode",
    "ports", "restart", "stop_grace_period", "stop_signal", "user", "volumes",
}  # fmt: skip
CONDITIONS = {"service_healthy", "service_started", "service_completed_successfully"}


def _script(service: str) -> str:
    return str(SERVICES[service]["command"][0])


@pytest.mark.parametrize("name", SERVICES)
def test_keys_are_known(name: str) -> None:
    assert set(SERVICES[name]) <= KEYS


def test_services_wait_for_services_that_can_be_waited_for() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            assert how["condition"] in CONDITIONS, name
            assert ("healthcheck" in SERVICES[other]) or how["condition"] != "service_healthy", f"{name} on {other}"


def test_volumes_are_declared() -> None:
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert used == set(COMPOSE["volumes"])


def test_configs_are_declared_and_there() -> None:
    used = {one["source"] for service in SERVICES.values() for one in service.get("configs", [])}
    assert used == set(COMPOSE["configs"])
    for declared in COMPOSE["configs"].values():
        assert (DEPLOY / declared["file"]).is_file()


def test_ports_are_open_to_this_machine_only_and_differ() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len({port.split(":")[1] for port in ports}) == len(ports)


def test_addresses_name_services() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    for host in re.findall(r"(?:[\s/,@]|INSIDE://)([a-z-]+):(?:19092|9093|8081|8080)\b", text):
        assert host in SERVICES or host == "localhost", host


def test_the_worker_pool_is_the_task_managers_neighbour() -> None:
    pool = SERVICES["worker-pool"]
    assert pool["network_mode"] == "service:taskmanager"
    port = pool["command"][0].removeprefix("--service_port=")
    assert f"--environment external:localhost:{port} " in _script("job")


def test_topics_are_the_ones_of_the_job() -> None:
    made = dict(re.findall(r"^create (\S+) --partitions (\d+)", _script("topics"), re.M))
    assert set(re.findall(r"-topic (\S+)", _script("job"))) == set(made) == {
        "image-uploads", "image-captions", "image-captions-dead-letters", "image-captions-audit",
    }  # fmt: skip


def test_a_dead_letter_fits_where_its_upload_did() -> None:
    sizes = dict(re.findall(r"^create (\S+) .*\\\n.*max\.message\.bytes=(\d+)", _script("topics"), re.M))
    assert int(sizes["image-captions-dead-letters"]) > int(sizes["image-uploads"])


def test_the_card_is_the_workers_and_nothing_else_changes() -> None:
    assert set(GPU["services"]) <= set(SERVICES)
    devices = GPU["services"]["worker-pool"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]
    assert all(volume.endswith(":ro") for volume in GPU["services"]["worker-pool"]["volumes"])
    assert set(GPU["services"]["job"]["environment"]) == set(SERVICES["job"]["environment"])
    model = GPU["services"]["job"]["environment"]["MODEL"]
    assert model.startswith(GPU["services"]["worker-pool"]["volumes"][0].split(":")[-2] + "/")


def test_one_slot_one_worker() -> None:
    for service in (SERVICES["taskmanager"], GPU["services"]["taskmanager"]):
        assert "taskmanager.numberOfTaskSlots: 1\n" in service["environment"]["FLINK_PROPERTIES"]


def test_stopping_is_a_savepoint_and_starting_goes_on_from_it() -> None:
    job = SERVICES["job"]
    assert job["stop_signal"] == "SIGINT"
    folder = re.search(r"--checkpoint-dir (\S+)", _script("job"))
    assert folder
    assert f"find {folder[1]} -name _metadata" in _script("job")
    assert "resume=(--resume latest)" in _script("job")
    assert any(volume.startswith("state:/state") for volume in job["volumes"])
