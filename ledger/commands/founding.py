"""Founding a ledger: its first record, and nothing else ever."""

from ledger.commands.base import Decision, Request
from ledger.commands.checks import not_allowed
from ledger.commands.keys import usable_kid
from ledger.domain.founding import Founding, LedgerFounded
from ledger.ids import public_id
from ledger.keys.signer import jwk_text
from ledger.policy.findings import finding

OPERATOR_PURPOSES = ("checkpoint", "receipt", "credential")


def found(request: Request) -> Decision:
    """Decide `ledger.founded`: said by the registrar it names, on an empty ledger.

    Source: LEDGER.md 2, genesis.
    """
    members, registrar = request.members, request.members["registrar"]
    if request.register.founding is not None:
        return Decision((finding("E827"),))
    if request.actor.number != registrar["number"]:
        return Decision(not_allowed(request, "the registrar that the founding names"))
    operator = members["operator"]
    jwks = {"registrar": registrar["jwk"], **{purpose: operator[purpose] for purpose in OPERATOR_PURPOSES}}
    unusable = tuple(finding("E817", column=name) for name, jwk in jwks.items() if usable_kid(jwk) is None)
    if unusable:
        return Decision(unusable)
    keys = tuple((purpose, jwk_text(operator[purpose])) for purpose in OPERATOR_PURPOSES)
    founding = Founding.begin(
        LedgerFounded,
        public_id("ledger", members["origin"]),
        request.act,
        origin=members["origin"],
        host=members["host"],
        log_keys=tuple(members["log_keys"]),
        registrar=(registrar["number"], registrar["name"], jwk_text(registrar["jwk"])),
        operator=(operator["name"], *keys),
        made_at=members["made_at"],
    )
    return Decision(changed=(founding,))
