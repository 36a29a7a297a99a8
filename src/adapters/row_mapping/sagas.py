"""Sagas, to rows and back; the steps are one JSON text, with what is looked up of them beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from domain.saga.definition import definition_called
from domain.saga.progress import SagaStatus, StepProgress
from domain.saga.saga import Saga

_encode: Final = msgspec.json.Encoder().encode
_steps: Final = msgspec.json.Decoder(tuple[StepProgress, ...])


def saga_to_row(saga: Saga) -> dict[str, Any]:
    """The saga's row."""
    return {
        "id": saga.id,
        "version": saga.version,
        "definition": saga.definition.name,
        "subject_id": saga.subject_id,
        "status": saga.status.value,
        "position": saga.position,
        "reason": saga.reason,
        "steps": _encode(saga.steps).decode(),
        "needs_repair": saga.needs_repair,
        "deadline_at": saga.deadline_at,
        "doubt_since": saga.doubt_since,
        "due_at": saga.due_at,
        "created_at": saga.created_at,
        "updated_at": saga.updated_at,
    }


def saga_from_row(row: Mapping[str, Any]) -> Saga:
    """The saga of a row. Raises LookupError if this code has no definition of its name."""
    return Saga.restore(
        row["id"],
        version=row["version"],
        updated_at=row["updated_at"],
        definition=definition_called(row["definition"]),
        subject_id=row["subject_id"],
        status=SagaStatus(row["status"]),
        position=row["position"],
        reason=row["reason"],
        steps=_steps.decode(row["steps"]),
        deadline_at=row["deadline_at"],
        doubt_since=row["doubt_since"],
        due_at=row["due_at"],
        created_at=row["created_at"],
    )
