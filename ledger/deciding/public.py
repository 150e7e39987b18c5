"""Deciding statements about the register: in order, each seeing what the ones before it changed."""

from collections.abc import Callable, Sequence

from ledger.commands.base import Request
from ledger.commands.catalogue import COMMANDS
from ledger.deciding.batch import Batch, Circumstances, Outcome, refusal
from ledger.domain.base import Said
from ledger.errors import Refusal
from ledger.policy.findings import finding
from ledger.statements import Row, Statement, read_statement


def decide_public(
    case: Circumstances, rows: Sequence[tuple[int, Row]], check: Callable[[Statement], None]
) -> Batch:
    """Decide statements about the register.

    Args:
        case: what the rows share.
        rows: (place in the submission, row).
        check: raises Refusal where a statement carries a proof that does not hold.
    """
    batch = Batch()
    tree = case.received.tree()
    for place, row in rows:
        path = tuple(tree.inclusion_path(place))
        batch.outcomes.append(_decide_public(case, batch, (place, row, path), check))
    return batch


def _decide_public(
    case: Circumstances,
    batch: Batch,
    placed: tuple[int, Row, tuple[bytes, ...]],
    check: Callable[[Statement], None],
) -> Outcome:
    place, row, path = placed
    statement = read_statement(row)
    if not isinstance(statement, Statement):
        return refusal(place, statement)
    received = case.received
    signing = case.register.keys.get(received.jws.header["kid"])
    if signing is not None and signing.ended:
        # An earlier row of this submission ended the key: it signs no record after that one.
        return refusal(place, (finding("E909"),))
    said = Said(
        received.claims.jti,
        place,
        row.salt,
        row.statement,
        jws=received.token,
        size=received.claims.n,
        path=path,
    )
    try:
        check(statement)
        act = case.act(statement, said)
    except Refusal as error:
        return refusal(place, (finding(error.code),))
    request = Request(statement.kind.type, statement.members, {}, act, case.actor, case.register)
    decision = COMMANDS[statement.kind.type](request)
    if decision.refused:
        return refusal(place, decision.findings)
    for aggregate in decision.changed:
        case.register.add(aggregate)
    return batch.accept(place, decision)
