"""Telling whether a posted row is about the person that its NSN names."""

import unicodedata

SURNAME_LETTERS, SURNAME_LETTERS_ALONE = 4, 5
_LETTERS = frozenset(("Lu", "Ll", "Lt", "Lo"))


def name_id(*, family: str | None, given: str | None, whole: str | None) -> str:
    """Return the five-character name code that providers send beside an NSN.

    First four letters of the family name and the first initial, upper case; a shorter family
    name is filled with blanks; with no given name, the first five letters of the one name.

    Source: DOMAIN.md 4.5 (nameIdCode).
    """
    surname = _letters(family or whole or "")
    if not given or not family:
        return surname[:SURNAME_LETTERS_ALONE].ljust(SURNAME_LETTERS_ALONE)
    return surname[:SURNAME_LETTERS].ljust(SURNAME_LETTERS) + _letters(given)[:1]


def same_name(sent: str, held: str) -> bool:
    """Whether two name codes name one person: case, trailing blanks and marks do not count."""
    return _plain(sent) == _plain(held)


def _letters(name: str) -> str:
    # Not the modifier letters (Lm): the ʻokina is one, and people type an apostrophe for it.
    signs = unicodedata.normalize("NFC", name).upper()
    return "".join(sign for sign in signs if unicodedata.category(sign) in _LETTERS)


def _plain(code: str) -> str:
    folded = unicodedata.normalize("NFD", code.upper()).rstrip()
    return "".join(sign for sign in folded if not unicodedata.combining(sign))
