"""One tenant's conversation with the database on this thread's connection, in as few messages as possible.

Django's connection stays in autocommit mode; BEGIN and COMMIT travel in the same message as the first and
the last statement. A message of several statements gives the result of its last one.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import django.db
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from psycopg2.extensions import (
    TRANSACTION_STATUS_IDLE,
    TRANSACTION_STATUS_INERROR,
    TRANSACTION_STATUS_INTRANS,
)

from adapters.django_orm.error_translation import port_errors

Row = tuple[Any, ...]

SYSTEM_ALIAS: Final = "system"
"""The connection of relay, scheduler and lag, whose role sees all tenants."""

COPY_CHUNK_BYTES: Final = 64 * 1024

_SET_TENANT: Final = "SELECT set_config('app.tenant', %s, true); "
# The level is named, since the order of events rests on it.
_BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED; " + _SET_TENANT


class TenantSession:
    """A transaction of one tenant, begun with its first query; belongs to the thread that made it.

    Every method raises StoreUnavailable and TransactionConflict where the database's error means that, and
    else Django's error as it is. After `commit` and `roll_back` the connection is idle and knows no tenant,
    or is closed.
    """

    def __init__(self, tenant_id: UUID, alias: str = DEFAULT_DB_ALIAS) -> None:
        self._tenant_id = tenant_id
        self._connection = connections[alias]
        self._has_begun = False
        self._has_ended = False
        if not _is_idle(self._connection):
            raise RuntimeError("this thread has a transaction open already; end it before the next begins")

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Run statements in the transaction; the rows of the last one.

        A connection that turns out to be broken when the transaction begins is replaced once: nothing that
        was sent on it can have been committed.
        """
        if self._has_ended:
            raise RuntimeError("the transaction is committed; begin another")
        with port_errors():
            if self._has_begun:
                return _execute(self._connection, sql, params)
            self._has_begun = True
            return _execute_anew(self._connection, _BEGIN + sql, (str(self._tenant_id), *params))

    def copy(self, sql: str, data: bytes) -> None:
        """`COPY … FROM STDIN` of these bytes, in a transaction that has begun."""
        if not self._has_begun or self._has_ended:
            raise RuntimeError("COPY needs a transaction that has begun")
        connection = self._connection
        with port_errors(), connection.wrap_database_errors, connection.connection.cursor() as cursor:
            cursor.copy_expert(sql, io.BytesIO(data), COPY_CHUNK_BYTES)

    def commit(self, sql: str = "", params: Sequence[Any] = ()) -> None:
        """Run last statements and commit, in one message; nothing happens if there is nothing to commit.

        If a statement fails, the server leaves out the COMMIT, and the transaction is open as after any failure.
        """
        if not self._has_begun:
            if not sql:
                return
            # A message that both begins and commits could not be sent again on another connection.
            self.query(sql, params)
            sql, params = "", ()
        raw = self._connection.connection
        if raw is not None and raw.closed == 0 and raw.get_transaction_status() == TRANSACTION_STATUS_INERROR:
            raise RuntimeError("the transaction has failed; COMMIT would roll it back without a word")
        self.query(f"{sql}; COMMIT" if sql else "COMMIT", params)
        self._has_ended = True

    def roll_back(self) -> None:
        """End the transaction, and the connection if that is what it takes; no database error comes out."""
        raw = self._connection.connection
        if not self._has_begun or raw is None:
            return
        if raw.closed != 0:
            self._connection.close()
        elif raw.get_transaction_status() in {
            TRANSACTION_STATUS_INTRANS,
            TRANSACTION_STATUS_INERROR,
        }:
            try:
                _execute(self._connection, "ROLLBACK")
            except django.db.Error:
                self._connection.close()
        if not _is_idle(self._connection):
            self._connection.close()


def query_once(
    tenant_id: UUID, sql: str, params: Sequence[Any] = (), alias: str = DEFAULT_DB_ALIAS
) -> list[Row]:
    """One query of one tenant in one message, which PostgreSQL runs as a transaction of its own.

    For reading: a connection that turns out to be broken is replaced once.
    """
    return query_of_nobody(_SET_TENANT + sql, (str(tenant_id), *params), alias)


def query_of_nobody(sql: str, params: Sequence[Any] = (), alias: str = DEFAULT_DB_ALIAS) -> list[Row]:
    """One query without a tenant, which sees no tenant's rows; otherwise like `query_once`."""
    connection = connections[alias]
    if not _is_idle(connection):
        raise RuntimeError("this thread has a transaction open already; end it before reading outside of it")
    with port_errors():
        return _execute_anew(connection, sql, params)


def close_connections() -> None:
    """Close what this thread holds open; for the end of a worker's thread."""
    connections.close_all()


def compiled(rows: QuerySet[Any, Any]) -> tuple[str, tuple[object, ...]]:
    """The statement and parameters of a queryset, to be run in a session's message."""
    sql, params = rows.query.sql_with_params()
    return sql, tuple(params)


def _execute_anew(connection: BaseDatabaseWrapper, sql: str, params: Sequence[Any]) -> list[Row]:
    was_open = connection.connection is not None
    try:
        return _execute(connection, sql, params)
    except (django.db.OperationalError, django.db.InterfaceError):
        if not was_open or connection.connection is None or connection.connection.closed == 0:
            raise
        connection.close()
        return _execute(connection, sql, params)


def _execute(connection: BaseDatabaseWrapper, sql: str, params: Sequence[Any] = ()) -> list[Row]:
    if connection.connection is None or connection.execute_wrappers:
        opened = connection.cursor()
        with opened:
            opened.execute(sql, params)
            return [] if opened.description is None else opened.fetchall()
    # The same without the layers of Django's cursor, which cost as much as running a short statement does.
    with connection.wrap_database_errors, connection.connection.cursor() as cursor:
        cursor.tzinfo_factory = connection.tzinfo_factory  # type: ignore[attr-defined]
        cursor.execute(sql, params)
        return [] if cursor.description is None else cursor.fetchall()


def _is_idle(connection: BaseDatabaseWrapper) -> bool:
    raw = connection.connection
    return raw is None or (raw.closed != 0) or raw.get_transaction_status() == TRANSACTION_STATUS_IDLE
