"""The act of deletion that a row bears, to columns and back; a live row has NULL in all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from domain.retention import Deletion

DELETION_COLUMNS: Final = ("deleted_at", "deletion_id", "deleted_by", "deletion_reason")


def deletion_to_columns(deletion: Deletion | None) -> dict[str, Any]:
    """The columns of DELETION_COLUMNS."""
    if deletion is None:
        return dict.fromkeys(DELETION_COLUMNS)
    values = (deletion.at, deletion.id, deletion.actor, deletion.reason)
    return dict(zip(DELETION_COLUMNS, values, strict=True))


def deletion_from_row(row: Mapping[str, Any]) -> Deletion | None:
    """The deletion that the row bears; None if it is live."""
    if row["deleted_at"] is None:
        return None
    return Deletion(row["deletion_id"], row["deleted_by"], row["deletion_reason"], row["deleted_at"])
