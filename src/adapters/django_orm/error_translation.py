"""What the database says, in the words of the ports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import django.db

from application.ports.unit_of_work import StoreUnavailable, TransactionConflict

RETRY_AFTER_S: Final = 1
"""When a caller who met an unreachable database should ask again."""

STALE_WRITE: Final = "HW001"
"""Raised by the database function `require_written`: a write found no row at the version that was read."""
UNIQUE_VIOLATION: Final = "23505"

# PostgreSQL's appendix A: serialization_failure, deadlock_detected, lock_not_available, query_canceled.
_CONFLICTS: Final = frozenset({"40001", "40P01", "55P03", "57014"})
# Shutdown or termination of the backend, and the two time limits that end a session.
_ENDED_SESSIONS: Final = frozenset({"57P01", "57P02", "57P03", "25P03", "25P04"})
# 08: connection exceptions; 53: too many connections, disk full, out of memory.
_UNAVAILABLE_CLASSES: Final = ("08", "53")


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE behind one of Django's database errors; None if the server sent none, for it went away."""
    return getattr(error.__cause__, "pgcode", None)


def constraint_name(error: BaseException) -> str | None:
    """The constraint that was violated."""
    diagnostics = getattr(error.__cause__, "diag", None)
    return getattr(diagnostics, "constraint_name", None)


@contextmanager
def port_errors() -> Iterator[None]:
    """Raise TransactionConflict or StoreUnavailable for database errors that mean it; let others pass."""
    try:
        yield
    except django.db.Error as error:
        state = sqlstate(error)
        if state in _CONFLICTS:
            raise TransactionConflict from error
        if state is None:
            is_away = isinstance(error, django.db.OperationalError | django.db.InterfaceError)
        else:
            is_away = state in _ENDED_SESSIONS or state.startswith(_UNAVAILABLE_CLASSES)
        if is_away:
            raise StoreUnavailable(retry_after_s=RETRY_AFTER_S) from error
        raise
