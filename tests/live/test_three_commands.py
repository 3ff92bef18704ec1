"""The three commands of docs/trying.md, typed into an empty folder: minutes, and gigabytes of disk."""

import os
import subprocess
from pathlib import Path

import pytest
from docs.pages import ROOT, shown
from live.shop import product_png

pytestmark = [pytest.mark.slow, pytest.mark.broker, pytest.mark.model]


@pytest.mark.timeout(900)
def test_from_a_clone_to_the_first_caption_of_ones_own_pictures(tmp_path: Path) -> None:
    first, second, third = list(shown(ROOT / "docs" / "trying.md"))[:3]
    assert first.split()[:2] == ["git", "clone"]
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "shoe.png").write_bytes(product_png(1))
    typed = "\n".join((first.replace("REPOSITORY", f"--quiet {ROOT}"), second, third.replace("photos", "../photos")))
    left_out = ("VIRTUAL_ENV", "PYTHONPATH", "MAKEFLAGS", "CAPTIONSTREAM_CONFIG")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    done = subprocess.run(
        ["bash", "-euc", typed], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=840
    )
    assert done.returncode == 0, done.stderr[-3000:]
    name, chinese, english = done.stdout.splitlines()[-3:]
    assert name == "shoe.png"
    assert chinese.split()[0] == "zh-Hans"
    assert english.split()[0] == "en"
    assert len(english.split()) > 3
    assert "ten kinds of rendered products and no photos: it will guess wrongly at yours" in done.stderr
    assert (tmp_path / "captionstream" / "captionstream-pictures.html").stat().st_size > 5000
