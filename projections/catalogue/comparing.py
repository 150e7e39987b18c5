"""Whether the served views are what the records make: a rebuild thrown away after it was compared.

Source: DOMAIN.md 5.13 (INV-9: projections equal a replay from zero).
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.database import Connection, connect
from ledger.domain.disposal import StreamsDisposed
from ledger.store.sqlite import LedgerRecorder
from projections.base import Row, View, ViewProjection, open_views, standing
from projections.runner import Fold, build

_SERVED, _REBUILT = "main", "rebuilt"
_READ = "SELECT {key}, * FROM {schema}.{table} ORDER BY {key}"


@dataclass(frozen=True, slots=True)
class Difference:
    """A view that is not what the records make, and how; never whose rows they are."""

    view: str
    what: str


def compare(
    store: LedgerRecorder, served: Path, projections: Sequence[type[ViewProjection]]
) -> list[Difference]:
    """Return what differs between the served views and a rebuild up to the same position.

    Args:
        store: the records.
        served: the file of the views; it may be folded into meanwhile.
        projections: which views.
    """
    with tempfile.TemporaryDirectory(prefix=".rebuild-", dir=served.parent) as folder:
        rebuilt = Path(folder) / "views.sqlite"
        views = open_views(rebuilt)
        connection = connect(served)
        try:
            with views.writing() as building:
                numbers = {one.VIEW: one.VIEW.create(building) for one in projections}
            connection.execute(f"ATTACH ? AS {_REBUILT}", (str(rebuilt),))
            # From here on this connection sees the served views as at one position.
            connection.execute("BEGIN")
            fold = Fold([one(one.VIEW(views, numbers[one.VIEW])) for one in projections])
            position = standing(connection) or 0
            build(store, views, fold, position)
            if store.has_topic(StreamsDisposed.TOPIC, position, store.head().size):
                # Records that are served are cleared: they are built anew with the next turn.
                return [Difference(view.NAME, "does not stand past a disposal yet") for view in numbers]
            return [found for view, number in numbers.items() for found in _of_view(connection, view, number)]
        finally:
            connection.close()
            views.close()


def _of_view(connection: Connection, view: type[View], rebuilt_number: int) -> Iterator[Difference]:
    row = connection.execute(
        "SELECT number, version FROM main.generation WHERE view = ? AND served = 1", (view.NAME,)
    ).fetchone()
    if row is None or row[1] != view.VERSION:
        yield Difference(view.NAME, "is not served in this version")
        return
    served, rebuilt = view.table_names(row[0]), view.table_names(rebuilt_number)
    if _schema(connection, _SERVED, served) != _schema(connection, _REBUILT, rebuilt):
        yield Difference(view.NAME, "its tables or indexes are not those of this version")
        return
    for table in view.tables:
        found = _of_table(
            _read(connection, _SERVED, served[table]), _read(connection, _REBUILT, rebuilt[table])
        )
        if any(found.values()):
            words = ", ".join(f"{count} {what}" for what, count in found.items() if count)
            yield Difference(view.NAME, f"table {table} is not what the records make: rows {words}")


def _schema(connection: Connection, schema: str, names: Mapping[str, str]) -> list[str]:
    """Return how the tables and their indexes were made, by the names of the view's own schema."""
    found = []
    for table, name in names.items():
        for (sql,) in connection.execute(_MADE[schema], (name,)):
            found.append(str(sql).replace(name, f"{{{table}}}"))
    return sorted(found)


_MADE = {
    _SERVED: "SELECT sql FROM main.sqlite_master WHERE tbl_name = ?",
    _REBUILT: "SELECT sql FROM rebuilt.sqlite_master WHERE tbl_name = ?",
}


def _read(connection: Connection, schema: str, table: str) -> Iterator[tuple[Row, Row]]:
    """Yield (key, row) of a table in the order of its keys."""
    columns = connection.execute(
        "SELECT name FROM pragma_table_info(?, ?) WHERE pk > 0 ORDER BY pk", (table, schema)
    )
    key = [name for (name,) in columns] or ["rowid"]
    query = _READ.format(key=", ".join(key), schema=schema, table=table)
    for row in connection.execute(query):
        yield row[: len(key)], row[len(key) :]


def _of_table(served: Iterator[tuple[Row, Row]], rebuilt: Iterator[tuple[Row, Row]]) -> dict[str, int]:
    """Return how many rows are missing, too many, or other than they should be; one pass over both."""
    missing = extra = other = 0
    mine, theirs = next(served, None), next(rebuilt, None)
    while mine is not None or theirs is not None:
        if theirs is None or (mine is not None and mine[0] < theirs[0]):
            extra += 1
            mine = next(served, None)
        elif mine is None or theirs[0] < mine[0]:
            missing += 1
            theirs = next(rebuilt, None)
        else:
            other += mine[1] != theirs[1]
            mine, theirs = next(served, None), next(rebuilt, None)
    return {"missing": missing, "too many": extra, "changed": other}
