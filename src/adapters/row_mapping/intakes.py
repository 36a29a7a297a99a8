"""Intakes, to rows and back; the first bad rows are one JSON text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from domain.telemetry.batch import BatchResult, Mode, RowFault
from domain.telemetry.intake import Intake, IntakeRefusal, IntakeStatus, SentBatch

COUNTS: Final = ("accepted", "duplicate", "conflict", "rejected")

_encode: Final = msgspec.json.Encoder().encode
_faults: Final = msgspec.json.Decoder(tuple[RowFault, ...])


def intake_to_row(intake: Intake) -> dict[str, Any]:
    """The intake's row."""
    result, refusal, batch = intake.result, intake.refusal, intake.batch
    ended = result or refusal
    return {
        "id": intake.id,
        "version": intake.version,
        "status": intake.status.value,
        "form": batch.form,
        "precision": batch.precision,
        "device": batch.device,
        "metric": batch.metric,
        "mode": batch.mode.value,
        "size_bytes": intake.size_bytes,
        **{name: result and getattr(result, name) for name in COUNTS},
        "refusal_code": refusal and refusal.code,
        "refusal_detail": refusal and refusal.detail,
        "faults": _encode(ended.faults if ended else ()).decode(),
        "created_at": intake.created_at,
        "updated_at": intake.updated_at,
    }


def intake_from_row(row: Mapping[str, Any]) -> Intake:
    """The intake of a row."""
    status, faults = IntakeStatus(row["status"]), _faults.decode(row["faults"])
    result = refusal = None
    if status is IntakeStatus.LOADED:
        result = BatchResult(**{name: row[name] for name in COUNTS}, faults=faults)
    if status is IntakeStatus.REFUSED:
        refusal = IntakeRefusal(code=row["refusal_code"], detail=row["refusal_detail"], faults=faults)
    return Intake.restore(
        row["id"],
        version=row["version"],
        updated_at=row["updated_at"],
        status=status,
        batch=SentBatch(
            form=row["form"],
            precision=row["precision"],
            device=row["device"],
            metric=row["metric"],
            mode=Mode(row["mode"]),
        ),
        size_bytes=row["size_bytes"],
        result=result,
        refusal=refusal,
        created_at=row["created_at"],
    )
