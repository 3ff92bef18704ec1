"""What Dataflow's launcher runs: a flex template's parameters become the options of ``captionstream run``.

The launcher says everything as ``--name=value``, with underscores. A name that ``run`` knows is ours, all others are
Beam's and follow after ``--``. A parameter of an option that may be repeated takes several values with commas between.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from pipeline.cli import main, parser

_OF_BEAM = frozenset({"--runner", "--job-name"})
"""Both have them; the launcher means Beam's."""


def run_arguments(given: Sequence[str]) -> list[str]:
    """The launcher's arguments → those of the command line. An empty value is an option not given."""
    ours, of_beam = ["run", "--runner", "dataflow"], []
    options = {name: action for name, action in _options().items() if name not in _OF_BEAM}
    for argument in given:
        name, has_value, value = argument.partition("=")
        action = options.get(name.replace("_", "-"))
        if action is None:
            of_beam.append(argument)
        elif action.nargs == 0:
            ours += [action.option_strings[0]] if value.lower() == "true" or not has_value else []
        elif value:
            values = value.split(",") if isinstance(action.default, list) else [value]
            ours += [f"{action.option_strings[0]}={one}" for one in values]
    return [*ours, "--", *of_beam]


def _options() -> dict[str, argparse.Action]:
    commands = next(action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    return {name: action for action in commands.choices["run"]._actions for name in action.option_strings}


if __name__ == "__main__":
    sys.exit(main(run_arguments(sys.argv[1:])))
