"""Other libraries' regression sets: every file is a picture or a typed error, soon, and with little memory.

They are not part of this repository. ``make test-pictures`` fetches Pillow's sources, whose tests have a thousand odd
files, and those of pillow-heif; ``PICTURE_SETS=/path/one:/path/two`` names others.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETS = [Path(name) for name in os.environ.get("PICTURE_SETS", "").split(":") if name]
PROGRAM = """
import sys, time, warnings
from pathlib import Path
sys.path[:0] = ["."]
warnings.simplefilter("ignore")
from transforms.captioner.headers import picture_format
from transforms.captioner.images import decode_rgb
from transforms.errors import InputError
from transforms.fingerprint import fingerprint
from transforms.inspect import InspectLimits, inspect
limits, slowest, files, pictures = InspectLimits(), 0.0, 0, 0
for path in sorted(Path(sys.argv[1]).rglob("*")):
    if not path.is_file():
        continue
    encoded, begun = path.read_bytes(), time.process_time()
    files += 1
    try:
        picture = inspect(encoded, limits)[0]
    except InputError:
        pass
    else:
        pictures += 1
        fingerprint(picture.encoded)
        if len(encoded) <= limits.max_encoded and picture_format(picture.encoded) == picture.format:
            assert decode_rgb(picture.encoded).tobytes() == decode_rgb(encoded).tobytes(), path
    slowest = max(slowest, time.process_time() - begun)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(files, pictures, int(slowest * 1000), peak.split()[1])
"""


@pytest.mark.skipif(not SETS, reason="no PICTURE_SETS; `make test-pictures` fetches some")
@pytest.mark.parametrize("folder", SETS, ids=str)
def test_every_file_ends_as_a_picture_or_a_typed_error(folder: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, check=False, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    files, pictures, slowest_ms, kibibytes = map(int, done.stdout.split())
    print(f"{files} files, {pictures} pictures, the slowest {slowest_ms} ms, {kibibytes // 1024} MiB")
    assert files > 0
    assert slowest_ms < 5_000
    assert kibibytes < 600 * 1024
