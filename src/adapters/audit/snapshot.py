"""One moment of the database, read as the role that sees all tenants; each look is one transaction that only reads."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from application.ports.audit import AuditImpossible

CONNECT_TIMEOUT_S: Final = 5
ROWS_A_FETCH: Final = 2_000
IDLE_LIMIT_MS: Final = 60_000
"""The server ends a snapshot that nobody reads from for so long."""
SYSTEM_ROLE: Final = "holdwater_system"

# A whole result is read, not its first rows: an index is worth it only then.
_OPTIONS: Final = (
    f"-c timezone=UTC -c cursor_tuple_fraction=1.0 -c idle_in_transaction_session_timeout={IDLE_LIMIT_MS}"
)
_SEES_ALL: Final = """
SELECT session_user, coalesce(bool_or(pg_has_role(session_user, oid, 'USAGE')), false),
    (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = session_user)
FROM pg_roles WHERE rolname = %s
"""

Row = tuple[Any, ...]


class Snapshot:
    """Reads; everything as of the moment of its first statement."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, params: Sequence[Any] = ()) -> Iterator[Row]:
        """The rows of a query, some thousand at a time from a cursor of the server; several may be open at once."""
        name = f"audit_{uuid.uuid4().hex}"
        with self._connection.cursor(name=name) as cursor:
            cursor.itersize = ROWS_A_FETCH
            cursor.execute(sql, params)
            yield from cursor

    def all(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """The rows of a query that gives few."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall()

    def taken_at(self) -> datetime:
        """When its transaction began, by the database's clock; the first statement follows at once."""
        ((at,),) = self.all("SELECT transaction_timestamp()")
        moment: datetime = at
        return moment

    def stay_awake(self) -> None:
        """Let the server know that somebody is still there."""
        self.all("SELECT 1")


@contextmanager
def snapshot_of(url: str) -> Iterator[Snapshot]:
    """A snapshot on a connection of its own. Raises AuditImpossible: no database, no right to see all."""
    try:
        connection = psycopg2.connect(
            url,
            connect_timeout=CONNECT_TIMEOUT_S,
            application_name="holdwater audit",
            options=_OPTIONS,
        )
    except psycopg2.Error as error:
        raise AuditImpossible(f"the database can't be reached ({_line(error)})") from error
    try:
        connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
        snapshot = Snapshot(connection)
        _require_sight(snapshot)
        yield snapshot
    except psycopg2.Error as error:
        raise AuditImpossible(f"the database failed while it was read ({_line(error)})") from error
    finally:
        connection.close()


def _require_sight(snapshot: Snapshot) -> None:
    """A role that row-level security hides rows from would find everything in order."""
    rows = snapshot.all(_SEES_ALL, (SYSTEM_ROLE,))
    user, acts_as_it, is_above = rows[0]
    if not (acts_as_it or is_above):
        raise AuditImpossible(
            f"as the role {user} not all rows would be seen: set DATABASE_SYSTEM_URL to the database as {SYSTEM_ROLE}"
        )


def _line(error: psycopg2.Error) -> str:
    return " ".join(str(error).split())
