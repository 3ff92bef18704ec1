"""docs/registry.md: its Python does what the page says."""

import re
from pathlib import Path
from typing import Any

from data.samples import candidate, caption

from schemas.codec import WireFormat
from transforms.audit import Audit
from transforms.encode import Encode
from transforms.values import Finished

PAGE = (Path(__file__).parents[3] / "docs" / "registry.md").read_text()


def test_its_decoder_reads_both_formats() -> None:
    [code] = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own page
    for wire in (WireFormat(), WireFormat("confluent", ((7, "caption"),))):
        encode = Encode("captions", "run", False, Audit("audits", "run"), wire=wire)
        (sent,) = encode(Finished(caption=caption(candidate()))).records
        assert names["decoder"].decode(sent.value)["image_id"] == "img-1"
