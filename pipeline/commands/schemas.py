"""``captionstream schemas``."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pipeline.commands.registry import add_registry, registry_options
from pipeline.commands.shared import add_command
from pipeline.commands.uploads import add_topics_read, topics_read
from pipeline.terminal import say

if TYPE_CHECKING:
    from pipeline.registry.check import Finding

_EXAMPLE = """example:
  captionstream schemas check --registry http://registry:8081 --topic image-uploads
  captionstream schemas register --registry http://registry:8081 --captions-topic image-captions

`check` changes nothing: it says whether the registry holds our schemas of captions and audit records under
<topic>-value, and whether every version of an uploads subject can be read. `register` puts our schemas there, for a
deployment to run once before a new version of the job; run and replay never register anything.
"""


def add(commands: Any) -> None:
    """Declare its options."""
    command = add_command(commands, "schemas", "compare schemas with a registry, or register them", _EXAMPLE)
    command.add_argument(
        "action", choices=("check", "register"), metavar="ACTION", help="check: look; register: put our schemas there"
    )
    command.add_argument("--json", action="store_true", help="print one JSON object a line")
    add_registry(command)
    group = command.add_argument_group("topics")
    group.add_argument("--captions-topic", default="image-captions", help="where captions are")
    group.add_argument("--audit-topic", default="image-captions-audit", help="where every answer of the model is")
    add_topics_read(group)
    group.add_argument(
        "--with-uploads",
        action="store_true",
        help="register: the uploads' schema, too, where producers do not",
    )


def run(parsed: argparse.Namespace) -> int:
    """Run it: 0 when all is well, 1 when something fails."""
    from pipeline.config import Topics
    from pipeline.registry.check import CHECK_SECONDS, FAIL, check_registry
    from pipeline.registry.register import register_schemas
    from schemas.registry.client import Registry
    from schemas.registry.http import Http
    from transforms.errors import ConfigInvalid

    options = registry_options(parsed)
    if options is None:
        raise ConfigInvalid("there is no registry to ask; add --registry URL, for example http://localhost:8081")
    read, written = topics_read(parsed), Topics(captions=parsed.captions_topic, audit=parsed.audit_topic)
    if parsed.action == "register":
        if parsed.with_uploads and not read.topics:
            raise ConfigInvalid(f"`{read.pattern}` names no topic to register a schema for; name them with --topic")
        registry = Registry(Http(options, CHECK_SECONDS))
        try:
            for registered in register_schemas(registry, written, read.topics if parsed.with_uploads else ()):
                say(f"registered: version {registered.version} of {registered.subject}, id {registered.id}")
        finally:
            registry.close()
    found = check_registry(options, read, written)
    for finding in found:
        print(json.dumps(asdict(finding)) if parsed.json else _line(finding))
    return 1 if any(finding.level == FAIL for finding in found) else 0


def _line(finding: Finding) -> str:
    return f"{finding.level:<4}  {finding.message}"
