"""Organisations and their roles: the regulator says who is what, and from when to when."""

from ledger.commands.base import Decision, Request
from ledger.commands.checks import NONE, Findings, listed_value, not_before, only_regulator, rule_set
from ledger.domain.claims import number_claims
from ledger.domain.organisation import (
    Organisation,
    OrganisationRegistered,
    OrganisationRoleEnded,
    OrganisationRoleGranted,
)
from ledger.ids import public_id
from ledger.policy.findings import finding
from ledger.policy.framework import ORGANISATION_KINDS, ROLES
from ledger.policy.rules import role_possible


def register(request: Request) -> Decision:
    """Decide `organisation.registered`: a number, a body code, or both, that nobody holds."""
    members = request.members
    number, body = members.get("number"), members.get("body")
    findings = (
        *only_regulator(request),
        *listed_value("kind", members["kind"], ORGANISATION_KINDS),
        *_free(request, number, body),
    )
    if findings:
        return Decision(findings)
    labels = tuple(str(label) for label in (number, body) if label is not None)
    organisation = Organisation.begin(
        OrganisationRegistered,
        public_id("organisation", labels[0]),
        request.act,
        number=number,
        body=body,
        kind=members["kind"],
        name_en=members["name"]["en"],
        name_mi=members["name"].get("mi"),
        valid_from=members["valid_from"],
    )
    return Decision(changed=(organisation,), takes=number_claims(number, body))


def _free(request: Request, number: int | None, body: str | None) -> Findings:
    if number is None and body is None:
        return (finding("E904", column="number"),)
    register = request.register
    if number is not None and register.organisation(number) is not None:
        return (finding("E810", organisation=number),)
    # A body code of digits would be taken for a number.
    if body is not None and (body.isdigit() or register.organisation(body) is not None):
        return (finding("E810", column="body", organisation=body),)
    return NONE


def grant_role(request: Request) -> Decision:
    """Decide `organisation.role_granted`: a role that fits the kind and is not held already."""
    members = request.members
    organisation = request.register.organisation(members["organisation"])
    findings = (*only_regulator(request), *listed_value("role", members["role"], ROLES))
    if organisation is None:
        return Decision((*findings, finding("E809", organisation=members["organisation"])))
    role, valid_from = members["role"], members["valid_from"]
    transitional = members.get("transitional", False)
    findings = (
        *findings,
        *role_possible(rule_set(request), organisation.kind, role, valid_from, transitional=transitional),
        *not_before("valid_from", valid_from, organisation.valid_from),
        *_not_held(organisation, role),
    )
    if findings:
        return Decision(findings)
    changed = request.register.edit_organisation(organisation.id)
    changed.record(
        OrganisationRoleGranted,
        request.act,
        role=role,
        valid_from=valid_from,
        basis=members.get("basis"),
        transitional=transitional,
    )
    return Decision(changed=(changed,))


def _not_held(organisation: Organisation, role: str) -> Findings:
    if organisation.open_role(role) is None:
        return NONE
    return (finding("E812", column="role", what=f"The role {role} of {organisation.label}"),)


def end_role(request: Request) -> Decision:
    """Decide `organisation.role_ended`: the last day of a role that is held."""
    members = request.members
    organisation = request.register.organisation(members["organisation"])
    findings = only_regulator(request)
    if organisation is None:
        return Decision((*findings, finding("E809", organisation=members["organisation"])))
    held = organisation.open_role(members["role"])
    if held is None:
        what = f"the role {members['role']} of {organisation.label}"
        return Decision((*findings, finding("E825", column="role", what=what)))
    findings = (*findings, *not_before("ended_on", members["ended_on"], held.valid_from))
    if findings:
        return Decision(findings)
    changed = request.register.edit_organisation(organisation.id)
    changed.record(
        OrganisationRoleEnded,
        request.act,
        role=members["role"],
        ended_on=members["ended_on"],
        reason=members.get("reason"),
    )
    return Decision(changed=(changed,))
