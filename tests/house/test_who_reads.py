"""Whatever opens something of a learner is on a list: with who is told of it, or why nobody reads it."""

import ast
from collections.abc import Iterator
from functools import cache

from tests.support.tree import ROOT

# Calls that open what is sealed, or say whose number it is.
OPENS = frozenset(
    ("unseal", "unsealer", "Unsealer", "people", "award_receipt", "provider_receipt", "record_of")
)
# Calls by which the floor above has a learner's record opened.
ASKS = frozenset(("_views.record", "views.record", "credentials.record", "credentials.award"))
_INVENTED = ("api/cli/demo/", "api/cli/drills/")  # their people are made up

# These write to the access log themselves; the others that show something ask these.
DOORS = {
    "projections.issuing.record": "every page and every JSON of a record",
    "projections.issuing.names": "the list of whom to be, on a demonstration",
    "projections.issuing.export": "every document",
    "api.learners.accesses.get_accesses": "the list of accesses itself",
    "api.providers.routes._opened": "the receipt of an organisation's own statement",
    "api.cli.console.learner_of": "whose number it is, for officers",
}
# What these open is shown by a door above, or to nobody at all.
BEHIND = {
    "projections.catalogue.views.__init__": "makes the unsealer",
    "projections.catalogue.views.record": "for projections.issuing",
    "projections.credentials.receipt": "for projections.issuing",
    "projections.credentials._wanted_awards": "for projections.issuing",
    "projections.credentials.make": "for projections.issuing",
    "projections.credentials._name": "for projections.issuing",
    "projections.kept_documents._found": "for projections.credentials",
    "projections.record_of_achievement.record.record_of": "for projections.catalogue.views",
    "projections.base.__call__": "the unsealer",
    "ledger.access.rows.opened": "rows of the access log, for their learner, and for an audit",
    "ledger.mapper.unseal": "the opening",
    "ledger.receipts.award_receipt": "for projections.credentials",
    "ledger.receipts.provider_receipt": "for api.providers.routes",
    "ledger.privacy.vault_rows.key": "a key, no content",
    "ledger.privacy.vault_rows.person": "the vault's own row",
    "ledger.privacy.vault_rows.enrolment": "the vault's own row",
    "ledger.privacy.vault_rows.leaving": "the vault's own row",
    "ledger.privacy.turning._leaving": "the epoch turns: shown to nobody",
    "ledger.privacy.turning._subject": "the epoch turns: shown to nobody",
    "ledger.privacy.turning._lookups": "the epoch turns: shown to nobody",
    "ledger.turning.references": "the epoch turns: shown to nobody",
    "ledger.privacy.vault.reserve_people": "for deciding",
    "ledger.deciding.private._load_people": "rows are decided: shown to nobody",
    "ledger.deciding.private._matched_wrongly": "a refused registration is compared: shown to nobody",
    "ledger.deciding.private._name": "the name goes from one sealed part to another: shown to nobody",
    "ledger.disposal._authorities": "sealed for the ledger, about no learner",
    "ledger.forgetting.progress._reason": "sealed for the ledger, about no learner",
    "ledger.forgetting.carrying_out._numbers": "for finding what is to be destroyed: shown to nobody",
    "ledger.outcomes._content": "a provider's own file, back to that provider",
    "ledger.outcomes._opened": "findings about a provider's own file, back to that provider",
    "ledger.outcomes.anew": "the key of received files turns: shown to nobody",
    "ledger.audit.sealed._check": "an audit says codes and places; everybody is told of it",
    "ledger.audit.rulings._known": "the same",
    "ledger.audit.rulings._complete_registration": "the same",
    "ledger.audit.rulings._is_referred_to": "the same",
}
# Who has a learner's record opened, whole.
ASKED_BY = {"projections.issuing.record", "projections.issuing.names", "projections.issuing.export"}


@cache
def functions() -> tuple[tuple[str, ast.AST], ...]:
    """Return every function of ours that is not part of an invented ledger, by module and name."""
    return tuple(_functions())


def _functions() -> Iterator[tuple[str, ast.AST]]:
    for floor in ("ledger", "projections", "api"):
        for path in sorted((ROOT / floor).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith(_INVENTED):
                module = name.removesuffix(".py").replace("/", ".")
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                        yield f"{module}.{node.name}", node


def calls_in(function: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield (dotted name without `self`, line) of every call in a function, but for functions inside it."""
    for child in ast.iter_child_nodes(function):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(child, ast.Call):
            yield ast.unparse(child.func).removeprefix("self."), child.lineno
        yield from calls_in(child)


def is_opening(call: str) -> bool:
    """Whether a call opens something."""
    return call.rpartition(".")[2] in OPENS


def test_whoever_opens_something_is_on_the_list():
    """A new caller asks for its line: as a door that writes to the access log, or with the reason why not."""
    opening = {name for name, one in functions() if any(is_opening(call) for call, _ in calls_in(one))}

    doors = {name for name in DOORS if not name.startswith("projections.") and name in opening}
    assert opening - doors == BEHIND.keys()


def test_a_record_is_asked_for_through_the_issuer_alone():
    """The view and the documents of a learner have one caller, which names its reader."""
    asking = {
        name
        for name, one in functions()
        if any(call.endswith(tuple(ASKS)) and not call.endswith("issuer.record") for call, _ in calls_in(one))
    }

    assert asking == ASKED_BY


def test_every_door_writes_before_it_opens():
    """The row first, then the record; only a number has to be looked up to know whose row it is."""
    found = dict(functions())
    for name in DOORS:
        calls = list(calls_in(found[name]))
        written = [line for call, line in calls if call.endswith("accesses.write")]
        opened = [line for call, line in calls if is_opening(call) or call.endswith((*ASKS, "accesses.of"))]
        assert written, f"{name} does not write to the access log"
        if name != "api.cli.console.learner_of":
            assert written[0] < min(opened), f"{name} opens before it writes"
