"""docs/registry.md: its Python does what the page says."""

import re
from pathlib import Path
from typing import Any

from data.registry_server import RegistryServer
from data.samples import candidate, caption

from schemas.codec import WireFormat, schema_json
from transforms.audit import Audit
from transforms.encode import Encode
from transforms.values import Finished

PAGE = (Path(__file__).parents[3] / "docs" / "registry.md").read_text()


def test_its_decoder_reads_both_formats() -> None:
    [code] = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
    with RegistryServer() as server:
        number = server.put("image-captions-value", schema_json("caption"))
        names: dict[str, Any] = {}
        exec(code.replace("http://registry:8081", server.url), names)  # noqa: S102 - our own page
        for wire in (WireFormat(), WireFormat("confluent", ((number, "caption"),))):
            encode = Encode("captions", "run", False, Audit("audits", "run"), wire=wire)
            (sent,) = encode(Finished(caption=caption(candidate()))).records
            assert names["decoder"].decode(sent.value)["image_id"] == "img-1"
