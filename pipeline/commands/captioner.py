"""The options that say who writes the captions. Imports nothing heavy until asked to."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from pipeline.commands.given import given

if TYPE_CHECKING:
    from transforms.captioner.api import CaptionerOptions

CPU_SLOTS, CARD_SLOTS = 8, 64
"""Beyond 64 a card of the H100 class gains little: reading pictures takes most of its time."""


def add_captioner(command: argparse.ArgumentParser) -> Any:
    """What `captioner` reads. Returns the group."""
    group = command.add_argument_group("captioner")
    group.add_argument(
        "--captioner",
        default="engine",
        metavar="KIND",
        help="engine, vllm (a server), huggingface (slow, for comparison), fake, or MODULE:FUNCTION of your own "
        "(default engine)",
    )
    group.add_argument("--model", default="tiny", help="checkpoint directory, hub id, or the bundled `tiny`")
    group.add_argument("--revision", default="", help="of a hub id; recorded as given for a directory")
    group.add_argument("--endpoint", default="", metavar="URL", help="of vllm: http://host:8000/v1")
    group.add_argument("--api-key", metavar="REFERENCE", help="of vllm, if it wants one: env:NAME or file:/path")
    group.add_argument("--download", action="store_true", help="allow the model hub to be asked")
    group.add_argument("--device", default="cpu", help="cpu or cuda")
    group.add_argument(
        "--dtype", choices=("float32", "bfloat16"), help="of the weights (default bfloat16 on a card, else float32)"
    )
    group.add_argument(
        "--slots",
        type=int,
        help=f"answers written at once (default {CPU_SLOTS}; on a card as many as fit, up to {CARD_SLOTS})",
    )
    group.add_argument("--text-tokens", type=int, help="most tokens of a prompt and its answer (default 768)")
    group.add_argument("--memory-fraction", type=float, help="of a card that the engine may fill (default 0.95)")
    group.add_argument(
        "--record-steps",
        action=argparse.BooleanOptionalAction,
        help="whether decode steps are recorded on a card as CUDA graphs (default: they are)",
    )
    group.add_argument("--prepare-threads", type=int, help="threads that decode pictures for the engine (default 1)")
    group.add_argument(
        "--own-process",
        action=argparse.BooleanOptionalAction,
        help="whether the captioner has a process of its own (default: on a card)",
    )
    return group


def captioner(arguments: argparse.Namespace) -> CaptionerOptions:
    """The options as the job takes them. Raises `ConfigInvalid`."""
    from transforms.captioner.api import CaptionerOptions

    is_card = arguments.device != "cpu"
    return CaptionerOptions(
        kind=arguments.captioner,
        model=arguments.model,
        revision=arguments.revision,
        slots=arguments.slots if arguments.slots is not None else CARD_SLOTS if is_card else CPU_SLOTS,
        dtype=arguments.dtype,
        device=arguments.device,
        max_pixels=arguments.max_pixels,
        download=arguments.download,
        own_process=arguments.own_process,
        endpoint=arguments.endpoint,
        api_key=arguments.api_key,
        **given(
            {
                "text_tokens": arguments.text_tokens,
                "memory_fraction": arguments.memory_fraction,
                "record_steps": arguments.record_steps,
                "prepare_threads": arguments.prepare_threads,
            }
        ),
    )
