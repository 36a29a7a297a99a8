"""Why a row is not there: it never was, or it has been deleted."""

from __future__ import annotations

from adapters.memory.database import Row
from domain.errors import DomainError, Gone, NotFound
from domain.soft_deletion import GoneForGood


def missing(kind: str, name: str, deleted: Row | None) -> DomainError:
    """NotFound, or Gone with id and version of the deleted row; `name` is what was asked for."""
    if deleted is None:
        return NotFound(kind=kind, id=name)
    refusal = Gone if deleted.get("purged_at") is None else GoneForGood
    return refusal(kind=kind, id=name, aggregate_id=str(deleted["id"]), current_version=deleted["version"])
