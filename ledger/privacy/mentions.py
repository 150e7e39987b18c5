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


class Mentions:
    """Finds some NSNs in bytes that may be anything."""

    def __init__(self, nsns: Iterable[str]) -> None:
        """Look for these: ten digits each."""
        numbers = sorted({nsn.lstrip("0") or "0" for nsn in nsns})
        spelled = "|".join(_BETWEEN.join(number) for number in numbers)
        # Within a longer number it is another number; zeros in front are its own.
        self._pattern = re.compile(rf"(?<![0-9])(?:0{_BETWEEN})*(?:{spelled})(?![0-9])") if numbers else None

    def in_text(self, data: bytes) -> bool:
        """Whether one of them stands in these bytes."""
        if self._pattern is None:
            return False
        text = data.decode("utf-16" if data.startswith(_UTF16) else "utf-8", "replace")
        if self._pattern.search(text) is not None:
            return True
        plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
        return plain != text and self._pattern.search(plain) is not None
