"""Three hundred invented learners, with the names that systems stumble over first.

NSNs are synthetic (DOMAIN.md 4.5 and Appendix B): ten digits that begin with 9, larger than any
number the National Student Index gives out.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from api.cli.demo.chance import Chance
from api.client.names import name_id

COUNT = 300
NSN_UNKNOWN_FROM = 90_000_000  # numbers from here on belong to nobody in the demonstration
_NSN_FIRST = 1
_BORN_FIRST, _BORN_DAYS = date(1961, 1, 1), 47 * 365

GIVEN = (
    "Ana", "Anaru", "Aroha", "Ben", "Caitlin", "Daniel", "Emma", "Fetu", "Grace", "Hana", "Hēmi", "Isla",
    "Jack", "Kiri", "Lani", "Liam", "Māia", "Mele", "Mere", "Mikaere", "Ngaire", "Noah", "Oliver", "Olivia",
    "Paora", "Pita", "Priya", "Rāwiri", "Rosa", "Ruby", "Sam", "Sefa", "Sina", "Sophie", "Tama", "Tāne",
    "Tevita", "Tomas", "Wiremu", "Yuki",
)  # fmt: skip
FAMILY = (
    "Adams", "Brown", "Campbell", "Chen", "Clarke", "Cooper", "Dawson", "Edwards", "Faleafa", "Fraser",
    "Gibson", "Hughes", "Hēnare", "Ioane", "Jensen", "Kaur", "Kereama", "Kim", "Kumar", "Lee", "Mason",
    "Matagi", "Morgan", "Murphy", "Ngata", "Ōtene", "Palmer", "Parata", "Patel", "Pereira", "Reid", "Rewi",
    "Santos", "Scott", "Singh", "Tamihana", "Taufa", "Thompson", "Tūhoro", "Walker", "Watene", "Wells",
    "Wong", "Wright", "Young",
)  # fmt: skip

# What a name may hold: each entry (family, given, whole) stands for a kind of name.
UNUSUAL: tuple[tuple[str | None, str | None, str | None], ...] = (
    ("Hēnare", "Tāne", None),  # macrons
    ("Ōtene-Māhia", "Ānahera", None),  # macrons and a hyphen
    ("Rōpata", "Sēini", None),
    ("Faleʻafa", "ʻOfa", None),  # ʻokina, as it should be written
    ("Fa\u2018anunu", "Lani", None),  # and as it is often typed
    ("O'Neil", "Sinéad", None),  # apostrophe
    ("D\u2019Souza", "Anita", None),  # typographic apostrophe
    ("Smith-Harding", "Mary-Anne", None),  # hyphens
    ("van der Berg", "Pim", None),  # particles in lower case
    ("de la Cruz", "Inés", None),
    ("al-Sayed", "Fatimah", None),  # romanised; the passport shows Arabic script
    ("Zhang", "Xiaoming", None),  # romanised; the passport shows Chinese characters
    (None, None, "Ольга"),  # one name, in another script
    (None, None, "Wayan"),  # one name only
    (None, None, "Suyatno"),
    ("Ng", "Pūmahana", None),  # two letters
    ("Li", "Bo", None),
    ("Ō", "Rīpeka", None),  # one letter, with a mark
    ("Montgomery-Featherstonehaugh", "Wilhelmina Persephone Anastasia Konstanze", None),  # 70 characters
    ("Paki", "Ana", None),  # twins: one family name, one initial, one day of birth
    ("Paki", "Ari", None),
    ("Walker", "Grace", None),  # two people with one name, born on different days
    ("Walker", "Grace", None),
    ("Müller", "Jürgen", None),
    ("Nguyễn", "Thị Hồng", None),  # marks that Unicode composes in two steps
    ("Ólafsdóttir", "Þóra", None),
    ("Straße", "Max", None),  # a letter that becomes two in upper case
)
_TWINS = (19, 20)


@dataclass(frozen=True, slots=True)
class Learner:
    """One learner as the registry knows them."""

    nsn: str
    family: str | None
    given: str | None
    whole: str | None
    date_of_birth: date

    @property
    def name_id(self) -> str:
        """The name code that a provider sends beside the NSN."""
        return name_id(self.family, self.given, self.whole)

    def to_json(self) -> dict[str, Any]:
        """Return what `learner.registered` says of the person."""
        parts = {"family": self.family, "given": self.given, "whole": self.whole}
        name = {part: text for part, text in parts.items() if text is not None}
        return {"nsn": self.nsn, "name": name, "date_of_birth": self.date_of_birth.isoformat()}


def synthetic_nsn(i: int) -> str:
    """Return the synthetic NSN with that number, below 100 000 000; `synthetic_nsn(0)` is 9000000001.

    Source: DOMAIN.md Appendix B (ISO 7064 MOD 11,10 check digit).
    """
    body = f"9{i:08d}"
    product = 10
    for digit in body:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return body + str((11 - product) % 10)


def learners(chance: Chance) -> list[Learner]:
    """Return the learners, the unusual names first."""
    made: list[Learner] = []
    for i in range(COUNT):
        family, given, whole = (
            UNUSUAL[i] if i < len(UNUSUAL) else (chance.pick(FAMILY), chance.pick(GIVEN), None)
        )
        born = _BORN_FIRST + timedelta(days=chance.below(_BORN_DAYS))
        if i == _TWINS[1]:
            born = made[_TWINS[0]].date_of_birth
        made.append(Learner(synthetic_nsn(_NSN_FIRST + i), family, given, whole, born))
    return made
