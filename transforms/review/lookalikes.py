"""The text as it looks: letters of other scripts in Latin words, and rare Chinese ones that stand for others.

Character for character, so that a place in what is searched is the same place in the text as written.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from functools import cached_property

# Each pair of lines: what is written, and what it is taken for. Cyrillic, Greek, Armenian, Latin's own odd letters.
_PAIRS = (
    ("авсԁеԍһіјкӏмпоԛгѕтуѵԝхАВСЕԌНІЈКӀМОРԚЅТУѴԜХр", "abcdeghijklmnoqrstuvwxabceghijklmopqstuvwxp"),
    ("αβεηικνορτυχγωΑΒΕΖΗΙΚΜΝΟΡΤΥΧϲ", "abenikvoptuxywabezhikmnoptyxc"),
    ("օսհոցյզԼՕՏՍ", "ouhngjqlosu"),
    ("ɑɡıȷɩʋɯᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "agijiuwabcdefghijklmnoprstuvwyz"),
)
_SIGNS = {
    chr(start + n): letter
    # Letters in squares, circles and black squares, and those that flags are made of.
    for start in (0x1F130, 0x1F150, 0x1F170, 0x1F1E6)
    for n, letter in enumerate("abcdefghijklmnopqrstuvwxyz")
}
_LAST_NEAR = 0xFFFF
_LETTERS = {odd: plain for written, taken in _PAIRS for odd, plain in zip(written, taken, strict=True)}
_ODD = "".join(_LETTERS)
_MIXED = re.compile(rf"(?<![Ͱ-ϿЀ-ԯ԰-֏])[A-Za-z{_ODD}]*[{_ODD}][A-Za-z{_ODD}]*(?![Ͱ-ϿЀ-ԯ԰-֏])")
"""A word of letters that all can be read as Latin ones, with one among them that is none."""


class Lookalikes:
    """Reads what is written as a person would; thread-safe."""

    def __init__(self, pairs: Sequence[tuple[str, str]] = ()) -> None:
        """``pairs`` of the policy: a character, and those that stand for it."""
        self._others = {ord(odd): plain for plain, all_odd in pairs for odd in all_odd}
        self._others |= {ord(odd): plain for odd, plain in _SIGNS.items()}
        self._table = {**self._others, **{ord(odd): plain for odd, plain in _LETTERS.items()}}

    def read(self, text: str) -> str:
        """As many characters as ``text`` has."""
        if text.isascii() or not self._any.search(text):
            return text
        return _MIXED.sub(lambda word: word[0].translate(self._table), text).translate(self._others)

    @cached_property
    def _any(self) -> re.Pattern[str]:
        """Any of them, or a rare character beyond 16 bits: `re` has no table for these and would try each by itself."""
        near = "".join(chr(code) for code in self._table if code <= _LAST_NEAR)
        return re.compile(f"[{re.escape(near)}{chr(_LAST_NEAR + 1)}-{chr(sys.maxunicode)}]")
