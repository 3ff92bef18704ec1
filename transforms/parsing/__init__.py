"""What a model wrote, read strictly: a text as it is, or the JSON object that its prompt asked for. No Beam."""

from transforms.parsing.answer import Answer, parse, written_out
from transforms.parsing.strict import Unparsable

__all__ = ["Answer", "Unparsable", "parse", "written_out"]
