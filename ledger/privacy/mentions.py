"""Whether bytes that somebody sent mention one of a few NSNs, however it is written there.

A file or a submission may hold a number as ten digits, without its leading zeros, in groups, in
quotes, or escaped in JSON that stands inside JSON. Too much found costs a provider the details of an
old answer; too little would keep what was promised to be destroyed. So in doubt it is found.

Source: LEDGER.md 4 (forgetting), 2 (received bodies).
"""

import codecs
import re
from collections.abc import Iterable

# Between two digits of one number: blanks of any width, points, dashes, quotes, what cannot be read.
_BETWEEN = r"(?:[^\S\r\n]|[\u200b\u2010-\u2015\u2019\u2060\ufeff\ufffd.'_-]){0,2}"
_ESCAPED = re.compile(r"\\+u([0-9a-fA-F]{4})")  # JSON inside JSON doubles the backslash
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


# What may stand before the first digit that counts: nothing of a longer number, but zeros in front.
_BEFORE = re.compile(rf"(?:\A|[^0-9])(?:0{_BETWEEN})*\Z")
_BEFORE_CHARS = 64


class Mentions:
    """Finds some NSNs in bytes that may be anything."""

    def __init__(self, nsns: Iterable[str]) -> None:
        """Look for these: ten digits each."""
        numbers = sorted({nsn.lstrip("0") or "0" for nsn in nsns})
        # One pattern for each, which begins with a digit: that is what makes searching megabytes fast.
        self._patterns = [re.compile(_BETWEEN.join(number) + "(?![0-9])") for number in numbers]

    def in_text(self, data: bytes) -> bool:
        """Whether one of them stands in these bytes."""
        if not self._patterns:
            return False
        text = data.decode("utf-16" if data.startswith(_UTF16) else "utf-8", "replace")
        if self._found(text):
            return True
        if "\\u" not in text:
            return False
        return self._found(_ESCAPED.sub(lambda found: chr(int(found[1], 16)), text))

    def _found(self, text: str) -> bool:
        return any(
            _BEFORE.search(text[max(0, found.start() - _BEFORE_CHARS) : found.start()])
            for pattern in self._patterns
            for found in pattern.finditer(text)
        )
