"""The program of `fault_child` with a mistake in it: a commit that failed is taken for done."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ledger.database import Connection, Database, DatabaseError
from tests.reliability.fault_child import main


@contextmanager
def _careless(self: Database) -> Iterator[Connection]:
    writer = self._writer or self._open()
    writer.execute("BEGIN IMMEDIATE")
    yield writer
    with suppress(DatabaseError):
        writer.execute("COMMIT")


if __name__ == "__main__":
    Database._transaction = _careless  # type: ignore[method-assign]
    main()
