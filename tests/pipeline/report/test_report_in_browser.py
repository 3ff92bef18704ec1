"""A day of ten thousand captions in a real browser: Debian's package ``chromium`` where it is installed."""

import random
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from data.report_world import World, gathered, report_of
from data.shop_folder import product

from pipeline.kafka.connection import KafkaOptions
from pipeline.report.html import write_report
from pipeline.report.pictures import Pictures, Thumbnail
from pipeline.report.samples import Shown, ShownLetter
from pipeline.report.thumbnail import jpeg_uri
from transforms.errors import ImageMissing
from transforms.origin import Origin

CAPTIONS = 10_000
TIMED = """<p>?</p><script>
const started = performance.now(), frame = document.createElement("iframe");
frame.onload = () => { document.querySelector("p").textContent = "took " + (performance.now() - started) + " ms" };
frame.width = 1280; frame.height = 2000; frame.src = "report.html"; document.body.append(frame);
</script>"""


class Busy(Pictures):
    """A different thumbnail for every picture, as hard to compress as any."""

    def thumbnails(self, captions: Iterable[Shown], letters: Iterable[ShownLetter]) -> dict[Origin, Thumbnail]:
        places = {one.source for one in captions} | {letter.place for letter in letters}
        return {place: Thumbnail(jpeg_uri(product(place.offset))) for place in places}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world, dice = World(), random.Random(7)
    for n in range(0, CAPTIONS, 4):
        names = {"category": f"category {dice.randrange(40)}", "merchant": f"shop {dice.randrange(300)}"}
        first = world.caption(f"image-{n}", n, at=n * 8, uploaded=n * 8 - 1, languages=("zh-Hans", "en"), **names)
        for copy in range(1, 4):
            world.caption(f"image-{n + copy}", n + copy, at=n * 8 + copy, uploaded=n * 8, reuses=first, **names)
        if n % 100 == 0:
            world.letter(f"gone-{n}", ImageMissing("gone"), CAPTIONS + n, at=n * 8)
    path = tmp_path_factory.mktemp("page") / "report.html"
    found = gathered(world)
    assert found.captions.captions == CAPTIONS
    write_report(path, report_of(found, 2.5), Busy(KafkaOptions(), ("uploads",)))
    return path


def test_ten_thousand_captions_are_a_small_page(page: Path) -> None:
    assert page.stat().st_size < 5_000_000


def test_ten_thousand_captions_open_in_two_seconds(page: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("no `chromium` here; on Debian apt-get install chromium")
    (page.parent / "timed.html").write_text(TIMED)
    took = []
    for attempt in range(3):
        command = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"]
        profile = f"--user-data-dir={page.parent / f'profile-{attempt}'}"
        done = subprocess.run(
            [*command, profile, (page.parent / "timed.html").as_uri()], capture_output=True, text=True, timeout=60
        )
        found = re.search(r"<p>took ([\d.]+) ms</p>", done.stdout)
        assert found is not None, done.stderr[-500:]
        took.append(float(found[1]))
    assert min(took) < 2000
