"""The name code that goes beside an NSN, so that a whole name need not travel with every result."""

import unicodedata

FAMILY_LETTERS, FAMILY_LETTERS_ALONE = 4, 5
_LETTERS = frozenset(("Lu", "Ll", "Lt", "Lo"))


def name_id(family: str | None, given: str | None, whole: str | None = None) -> str:
    """Return the five-character name code of a learner.

    The first four letters of the family name, filled with blanks to four, and the first letter of
    the given name, upper case. Without a given name: the first five letters of the family name, or
    of the whole name of a person who has but one.

    Letters keep their macrons and other marks (NFC): Tāmati begins TĀMA. Apostrophes, hyphens and
    blanks are no letters and are left out: O'Neil begins ONEI, van der Berg VAND. So is the ʻokina
    (U+02BB), a modifier letter to Unicode: many type an apostrophe for it.

    Source: DOMAIN.md 4.5 (nameIdCode).
    """
    letters = _letters(family or whole or "")
    if not given or not family:
        return letters[:FAMILY_LETTERS_ALONE].ljust(FAMILY_LETTERS_ALONE)
    return letters[:FAMILY_LETTERS].ljust(FAMILY_LETTERS) + _letters(given)[:1]


def _letters(name: str) -> str:
    signs = unicodedata.normalize("NFC", name).upper()
    return "".join(sign for sign in signs if unicodedata.category(sign) in _LETTERS)
