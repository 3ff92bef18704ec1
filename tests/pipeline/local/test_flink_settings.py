from pathlib import Path

import pytest

from pipeline.local import flink_settings, jars
from transforms.errors import ConfigInvalid


def test_every_flink_jar_is_of_one_version():
    pinned = jars.read_lock(flink_settings.LOCK)
    assert {jar.version for jar in pinned if jar.group == "org.apache.flink" and "shaded" not in jar.artifact} == {
        "1.19.0"
    }


def test_the_jars_share_a_cache_with_the_brokers():
    pinned = {*jars.read_lock(), *jars.read_lock(flink_settings.LOCK)}
    assert len({jar.file_name for jar in pinned}) == len(pinned)


def test_overrides_win_over_ours():
    options = flink_settings.cluster(1, 2, 3, 4, {"state.backend.type": "hashmap", "a.b": "c"})
    assert options["state.backend.type"] == "hashmap"
    assert options["a.b"] == "c"
    assert options["taskmanager.numberOfTaskSlots"] == "4"


@pytest.mark.parametrize(
    ("options", "key"),
    [
        (lambda overrides: flink_settings.in_process([1, 2], overrides), "rest.bind-port"),
        (lambda overrides: flink_settings.cluster(1, 2, 3, 4, overrides), "rest.port"),
    ],
)
def test_addresses_cannot_be_overridden(options, key):
    with pytest.raises(ConfigInvalid) as caught:
        options({key: "8081"})
    assert caught.value.message == f"the local Flink sets `{key}` itself; leave it out of settings"


def test_each_job_in_process_finds_a_port():
    assert flink_settings.in_process([20001, 20002], {})["rest.bind-port"] == "20001,20002"


def test_rocksdb_is_told_how_much_it_may_take():
    inside, cluster = flink_settings.in_process([1], {}), flink_settings.cluster(1, 2, 3, 4, {})
    assert inside["taskmanager.memory.managed.size"] == cluster["taskmanager.memory.managed.size"] == "256m"


def test_the_configuration_is_yaml_whatever_is_in_it(tmp_path):
    folder = flink_settings.write_config({"a": 'C:\\x: "图"', "b": "[]"}, tmp_path)
    assert folder == tmp_path / "conf"
    assert (folder / "config.yaml").read_text() == '"a": "C:\\\\x: \\"\\u56fe\\""\n"b": "[]"\n'


def test_state_is_kept_in_files_below_home():
    places = flink_settings.storage(Path("/a b"))
    assert places["state.checkpoints.dir"] == "file:///a%20b/checkpoints"
    assert places["state.savepoints.dir"] == "file:///a%20b/savepoints"


def test_the_last_java_option_is_the_callers(tmp_path, monkeypatch):
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    command = flink_settings.java_command(Path("java"), 512, tmp_path, ["-Xmx4g"])
    assert command[:4] == ("env", "MALLOC_ARENA_MAX=2", "java", "-Xmx512m")
    assert command[-1] == "-Xmx4g"
    assert (tmp_path / "tmp").is_dir()


def test_who_has_chosen_the_number_of_arenas_keeps_it(tmp_path, monkeypatch):
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    assert flink_settings.java_command(Path("java"), 512, tmp_path, [])[1] == "MALLOC_ARENA_MAX=1"
