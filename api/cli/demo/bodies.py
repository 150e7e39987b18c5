"""The organisations of the demonstration: a regulator, an operator, fifteen providers, eight boards.

Names and numbers are those of DOMAIN.md 8.1; none belongs to a real body. The industry skills
boards stand from the first day of the rules, years before such boards existed, because the
catalogue names them as developers of old listings: an anachronism of the demonstration, on purpose.
"""

from datetime import date
from typing import Any

from api.cli.demo import PROVIDER

REGULATOR, OPERATOR = 95000, "OPERATOR"
FOUNDED = date(2018, 8, 22)  # first day of the first rules for micro-credentials
_BASIS = "demonstration"

_PROVIDERS = (  # in the order of their numbers, from 95001
    ("Harbourlight Polytechnic (demo)", "polytechnic"),
    ("Longbridge Institute (demo)", "polytechnic"),
    ("Copperfield Trades Academy (demo)", "pte"),
    ("Ridgeway Rural College (demo)", "pte"),
    ("Beacon Digital School (demo)", "pte"),
    ("Fernleaf Care Training (demo)", "pte"),
    ("Anchorpoint Maritime (demo)", "pte"),
    ("Tallgrass Agritech (demo)", "pte"),
    ("Northgate University (demo)", "university"),
    ("Eastmere University (demo)", "university"),
    ("Lantern Wānanga (demo)", "wananga"),
    ("Sunrise Community Training (demo)", "pte"),
    ("Plainview High School (demo)", "school"),
    ("Millstone Engineering (demo)", "pte"),
    ("Clearwater Environmental (demo)", "pte"),
)
_BOARDS = (
    ("AUTO_TRANSPORT_LOGISTICS", "Automotive, Transport and Logistics"),
    ("CONSTRUCTION_TRADES", "Construction and Specialist Trades"),
    ("ELECTROTECH_IT", "Electrotechnology and Information Technology"),
    ("FOOD_FIBRE", "Food and Fibre"),
    ("HEALTH_COMMUNITY", "Health and Community"),
    ("INFRASTRUCTURE", "Infrastructure"),
    ("MANUFACTURING_ENGINEERING", "Manufacturing and Engineering"),
    ("SERVICES", "Services"),
)


def board(coverage: str) -> str:
    """Return the body code of the board with that coverage."""
    return f"ISB:{coverage}"


def organisations(developers: set[int | str]) -> list[dict[str, Any]]:
    """Return every organisation with its roles; `developers` are those that the catalogue names."""
    made = [
        _organisation({"number": REGULATOR}, "nzqa", "Demo Qualifications Authority (demo)", []),
        _organisation({"body": OPERATOR}, "operator", "Demo Achievement Ledger Operator (demo)", []),
    ]
    for number, (name, kind) in enumerate(_PROVIDERS, PROVIDER):
        roles = ["provider", "developer"] if number in developers else ["provider"]
        made.append(_organisation({"number": number}, kind, name, roles))
    for coverage, words in _BOARDS:
        name = f"Demo Industry Skills Board – {words} (demo)"
        made.append(_organisation({"body": board(coverage)}, "ssb_isb", name, ["ssb", "developer"]))
    return made


def _organisation(label: dict[str, Any], kind: str, name: str, roles: list[str]) -> dict[str, Any]:
    return {**label, "kind": kind, "name": {"en": name}, "valid_from": FOUNDED.isoformat(), "roles": roles}


def statements(made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what the regulator says of the organisations: each is registered, then given its roles."""
    said: list[dict[str, Any]] = []
    for organisation in made:
        members = {name: value for name, value in organisation.items() if name != "roles"}
        said.append({"type": "organisation.registered", "v": 1, **members})
        said += [
            {
                "type": "organisation.role_granted",
                "v": 1,
                "organisation": organisation.get("number") or organisation["body"],
                "role": role,
                "valid_from": organisation["valid_from"],
                "basis": _BASIS,
                "transitional": False,
            }
            for role in organisation["roles"]
        ]
    return said
