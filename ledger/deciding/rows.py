"""What names a row, what makes it the same as before, and whom it is about.

Source: LEDGER.md 3 (the name an award shows), 4 (row keys and macs).
"""

from collections.abc import Sequence
from typing import Any

from ledger.encoding.strict_json import canonical_plain
from ledger.privacy.matching import name_id
from ledger.privacy.vault import Match
from ledger.statements import Statement


def match_of(who: dict[str, Any]) -> Match:
    """Return what later rows about this person are compared with."""
    name = who["name"]
    code = name_id(family=name.get("family"), given=name.get("given"), whole=name.get("whole"))
    return Match((code,), who["date_of_birth"])


def match_of_registered(fields: dict[str, Any]) -> Match:
    """Return the same from the sealed fields of `learner.registered`."""
    code = name_id(family=fields["family"], given=fields["given"], whole=fields["whole"])
    return Match((code,), fields["date_of_birth"])


def display_name(fields: dict[str, Any]) -> str:
    """Return a learner's name as credentials show it: the whole name, else given and family.

    Source: LEDGER.md 3 (award receipt).
    """
    if fields["whole"]:
        return str(fields["whole"])
    return " ".join(part for part in (fields["given"], fields["family"]) if part)


def row_name(statement: Statement) -> bytes:
    """Return what names a row for its provider: its row_ref, else JCS of its natural key."""
    who, members = statement.who, statement.members
    if "row_ref" in who:
        return str(who["row_ref"]).encode()
    natural: dict[str, Sequence[Any]] = {
        "learner": (who.get("nsn"),),
        "revocation": (str(members.get("award")),),
        "assessment": (
            who.get("enrolment_ref"),
            members.get("code"),
            members.get("outcome"),
            members.get("attempt"),
        ),
    }
    return canonical_plain(
        list(natural.get(statement.kind.group, (who.get("enrolment_ref"), members.get("code"))))
    )


def row_content(statement: Statement) -> bytes:
    """Return JCS([statement without who, who without row_ref]): what makes a row the same as before."""
    said, who = dict(statement.raw), dict(statement.raw_who)
    said.pop("who", None)
    who.pop("row_ref", None)
    return canonical_plain([said, who])
