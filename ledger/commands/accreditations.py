"""Accreditations: which provider may deliver, assess and award which versions, from when to when."""

from ledger.commands.base import Decision, Request
from ledger.commands.checks import Findings, listed_value, not_before, only_regulator, provider_on, rule_set
from ledger.domain.accreditation import Accreditation, AccreditationEnded, AccreditationGranted
from ledger.domain.organisation import PROVIDER, Organisation
from ledger.ids import public_id
from ledger.policy import rules
from ledger.policy.findings import finding
from ledger.policy.framework import ACCREDITATION_END_REASONS


def grant(request: Request) -> Decision:
    """Decide `accreditation.granted`: to a provider of that day, for listed versions.

    Source: R16, R17 and its exception, R30.
    """
    members = request.members
    findings = only_regulator(request)
    provider = request.register.organisation(members["provider"])
    if provider is None:
        unknown = finding("E809", column="provider", organisation=members["provider"])
        return Decision((*findings, unknown))
    findings = (*findings, *_may_deliver(request, provider), *_versions(request))
    if findings:
        return Decision(findings)
    fields = {
        "provider": members["provider"],
        "code": members["code"],
        "versions": tuple(sorted(set(members["versions"]))),
        "valid_from": members["valid_from"],
        "conditions": members.get("conditions"),
    }
    key = members["provider"], members["code"]
    if key in request.register.accreditations:
        changed = request.register.edit_accreditation(*key)
        changed.record(AccreditationGranted, request.act, **fields)
        return Decision(changed=(changed,))
    stream = public_id("accreditation", *key)
    return Decision(changed=(Accreditation.begin(AccreditationGranted, stream, request.act, **fields),))


def _may_deliver(request: Request, provider: Organisation) -> Findings:
    ruleset, valid_from = rule_set(request), request.members["valid_from"]
    refused = rules.before_first_rules(ruleset, "valid_from", valid_from)
    if refused:
        return refused
    role = provider.role_on(PROVIDER, valid_from)
    transitional = None if role is None else role.transitional
    # A standard-setting body is told so (R17), anybody else that it is no provider (R16).
    return rules.r17_accreditable(
        ruleset, provider.label, provider.kind, valid_from, transitional=transitional
    ) or provider_on(ruleset, provider, "provider", valid_from)


def _versions(request: Request) -> Findings:
    findings: list[Findings] = [
        _version(request, version) for version in sorted(set(request.members["versions"]))
    ]
    return tuple(one for found in findings for one in found)


def _version(request: Request, version: int) -> Findings:
    members, register = request.members, request.register
    code, provider, valid_from = members["code"], members["provider"], members["valid_from"]
    listing = register.microcredentials.get((code, version))
    if listing is None:
        return (finding("E814", code=code, version=version),)
    if valid_from < listing.listed_on:
        return (
            finding(
                "E306",
                column="valid_from",
                code=code,
                version=version,
                date=valid_from,
                listed_on=listing.listed_on,
            ),
        )
    held = register.accreditations.get((provider, code))
    if held is not None and version in held.open_versions():
        return (
            finding("E812", column="versions", what=f"The accreditation of {provider} for {code} {version}"),
        )
    return rules.r30_owner_delivers(rule_set(request), code, str(provider), listing.developer)


def end(request: Request) -> Decision:
    """Decide `accreditation.ended`: the last day of every grant that is open."""
    members = request.members
    reasons = ACCREDITATION_END_REASONS
    findings = (*only_regulator(request), *listed_value("reason", members["reason"], reasons))
    key = members["provider"], members["code"]
    held = request.register.accreditations.get(key)
    began = [one.valid_from for one in held.grants if one.ended_on is None] if held is not None else []
    if not began:
        what = f"the accreditation of {members['provider']} for {members['code']}"
        return Decision((*findings, finding("E825", what=what)))
    findings = (*findings, *not_before("ended_on", members["ended_on"], max(began)))
    if findings:
        return Decision(findings)
    changed = request.register.edit_accreditation(*key)
    changed.record(AccreditationEnded, request.act, ended_on=members["ended_on"], reason=members["reason"])
    return Decision(changed=(changed,))
