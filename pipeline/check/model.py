"""The captioner: its checkpoint by the headers of its files, or the server that is asked."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.check.finding import Finding, fail, ok, warn
from transforms.captioner.api import CaptionerOptions
from transforms.captioner.memory import GIB
from transforms.errors import ModelUnavailable

if TYPE_CHECKING:
    from pipeline.check.plan import Plan

WHAT = "model"


def model_findings(plan: Plan) -> Iterator[Finding]:
    """Without importing torch: what that tells comes from `pipeline.check.probe`."""
    options = plan.config.captioner
    if options.kind == "fake":
        yield warn(WHAT, "the fake captioner writes texts that no model saw", "name one with --captioner")
    elif options.kind == "vllm":
        yield from _server(options)
    elif options.has_checkpoint:
        yield from _directory(options, plan.is_here)
    elif importlib.util.find_spec(options.kind.partition(":")[0].partition(".")[0]) is None:
        yield fail(WHAT, f"`{options.kind}` is not on PYTHONPATH here", "mend --captioner, or put its module there")
    else:
        yield ok(WHAT, f"`{options.kind}` is on PYTHONPATH")


def _directory(options: CaptionerOptions, is_here: bool) -> Iterator[Finding]:
    from transforms.captioner.directory import read_directory
    from transforms.captioner.weights import require_room, weight_bytes

    if not is_here and options.model != "tiny" and not Path(options.model).expanduser().is_dir():
        found = f"`{options.model}` is not on this machine, and is not looked at where the workers are"
        yield warn(WHAT, found, "run the check in a worker's container, where it is mounted")
        return
    try:
        files = read_directory(replace(options, download=False))  # raises what a worker would
    except ModelUnavailable:
        if not options.download or Path(options.model).expanduser().is_dir():
            raise
        yield warn(WHAT, f"`{options.model}` is not here, and the job will download it", "fetch it before the start")
        return
    if is_here and options.device == "cpu":
        require_room(files.shapes, options.precision, options.device, options.model)
    size = weight_bytes(files.shapes, options.precision) / GIB
    found = (
        f"`{options.model}` is whole by its headers: {len(files.shapes)} weights, {size:.2f} GiB in {options.precision}"
    )
    if options.model == "tiny":
        remedy = "name a Qwen3-VL checkpoint with --model"
        yield warn(WHAT, f"{found}; it knows ten kinds of rendered products and no photos", remedy)
    else:
        yield ok(WHAT, found)


def _server(options: CaptionerOptions) -> Iterator[Finding]:
    from transforms.captioner.chat_api import ChatApi

    api = ChatApi(options.endpoint, options.api_key, threading.Event())
    served = api.models()
    if options.model not in served:
        names = ", ".join(f"`{name}`" for name in sorted(served)[:5])
        raise ModelUnavailable(f"the server at `{api.place}` has {names}, not `{options.model}`; mend --model")
    yield ok(WHAT, f"the server at `{api.place}` has `{options.model}`")
