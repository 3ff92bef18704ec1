import os

from pipeline.local.staging import without_staging


def jars(folder):
    folder.mkdir()
    made = [folder / "b.jar", folder / "a.jar"]
    for jar in made:
        jar.write_bytes(jar.name.encode())
    return made


def test_the_jars_get_a_second_path_that_beam_leaves_out(tmp_path):
    linked = without_staging(jars(tmp_path / "cache"), tmp_path / "home")
    assert [jar.name for jar in linked] == ["b.jar", "a.jar"]
    for jar in linked:
        assert "gradle/wrapper" in str(jar.resolve())
        assert jar.samefile(tmp_path / "cache" / jar.name)


def test_a_cache_on_another_disk_is_copied(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    linked = without_staging(jars(tmp_path / "cache"), tmp_path / "home")
    assert [jar.read_text() for jar in linked] == ["b.jar", "a.jar"]
