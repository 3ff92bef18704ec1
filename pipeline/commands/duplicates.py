"""``captionstream duplicates``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from pipeline.commands.reuse import add_similarity, similarity_rule
from pipeline.commands.shared import (
    add_command,
    add_inspection,
    add_model_pixels,
    inspection,
    writable_report,
)
from pipeline.terminal import say

_EXAMPLE = """example:
  captionstream duplicates photos --report duplicates.html
  captionstream duplicates photos --preset lenient --labels labels.csv

Every file below DIR is taken for an upload, in the order of the sorted paths; hidden ones are skipped. The pictures
are inspected, fingerprinted and compared by the code of the job: with the same options it groups them alike if they
arrive in this order. Nothing is captioned or sent. All three presets are compared; what is listed (groups, near misses,
wrong joins) is for the one that --preset or the distances choose.

A group's first picture, its leader, is captioned; the others have its text where their prompts are the same too. A near
miss is a picture that leads here and joins an earlier one by a more lenient preset: look at them to decide.

Labels are CSV with a header: `path` (below DIR) and `product`; pictures with the same product may share a text, one
with an empty product is not judged. `merchant` is optional: pictures are compared within one; and so is `category`,
for --scope category. Every other column (`colour`, `sku`, ...) becomes an attribute of the upload: pictures that
differ in colour or sku never share a text, but with --reuse-colour-variants.
With labels it also prints:
  precision  share of the joins whose leader has the same product; a join is a picture that joined an earlier
             picture's group
  recall     share of the pictures with an earlier picture of the same product and merchant that joined a group led
             by one of that product
"""


def add(commands: Any) -> None:
    """Declare its options."""
    duplicates = add_command(commands, "duplicates", "try the duplicate presets on a folder of pictures", _EXAMPLE)
    duplicates.add_argument("folder", metavar="DIR", help="directory with pictures")
    duplicates.add_argument("--labels", metavar="FILE", help="CSV that says which pictures are the same")
    duplicates.add_argument("--report", metavar="FILE", help="HTML page to write, with the pictures")
    duplicates.add_argument("--json", action="store_true", help="print one JSON object instead of the tables")
    add_similarity(duplicates.add_argument_group("duplicates"))
    group = duplicates.add_argument_group("pictures", "as the job has them")
    add_inspection(group)
    add_model_pixels(group)


def run(parsed: argparse.Namespace) -> int:
    """Run it."""
    from pathlib import Path

    from pipeline.duplicates.fingerprints import fingerprint_folder
    from pipeline.duplicates.folder import find_files
    from pipeline.duplicates.labels import read_labels
    from pipeline.duplicates.report import write_report
    from pipeline.duplicates.summary import as_json, summary
    from pipeline.duplicates.trial import compare_rules

    rule, limits = similarity_rule(parsed), inspection(parsed)
    ours = [Path(path) for path in (parsed.labels, parsed.report) if path]
    folder = find_files(Path(parsed.folder), besides=ours)
    labels = read_labels(Path(parsed.labels), folder.files) if parsed.labels else {}
    report = writable_report(parsed.report) if parsed.report else None
    trial = compare_rules(fingerprint_folder(folder, labels, limits), labels, rule)
    if report is not None:
        write_report(report, parsed.folder, folder.files, trial)
    print(json.dumps(as_json(trial), ensure_ascii=False) if parsed.json else summary(trial))
    if report is not None:
        say(f"the pictures are in {report}")
    elif not parsed.json:
        say("add --report FILE to see the pictures")
    return 0
