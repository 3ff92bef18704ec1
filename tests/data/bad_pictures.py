"""Odd pictures, each made by code and named for its oddity.

``PICTURES`` maps a name to an `Odd`: how to make the bytes, and either the error code `inspect` answers with
(and words its message must hold) or the facts of the picture it returns.

::

    from data.bad_pictures import PICTURES

    PICTURES["truncated_jpeg"].make()
"""

from __future__ import annotations

from data.pictures import bombs, broken, cuts, damaged, declared, foreign, good, refused
from data.pictures.registry import PICTURES, Facts, Odd

__all__ = ["PICTURES", "Facts", "Odd", "bombs", "broken", "cuts", "damaged", "declared", "foreign", "good", "refused"]
