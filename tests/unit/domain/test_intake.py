"""The intake: it ends once, and a tenant may have so many that wait."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from builders import after_noon, an_intake
from domain.telemetry.batch import DETAIL_LENGTH_MAX, BatchResult, RowFault
from domain.telemetry.intake import (
    INTAKE_BYTES_WAITING_MAX,
    INTAKES_WAITING_MAX,
    Intake,
    IntakeEnded,
    IntakeStatus,
    TooManyIntakes,
    require_room,
)
from domain.telemetry.intake_events import IntakeReceived

RESULT = BatchResult(accepted=1, duplicate=0, conflict=0, rejected=0)
ENDS: dict[IntakeStatus, Callable[[Intake], None]] = {
    IntakeStatus.LOADED: lambda intake: intake.load(RESULT, at=after_noon(1)),
    IntakeStatus.REFUSED: lambda intake: intake.refuse("malformed-batch", "cut", at=after_noon(1)),
}


@pytest.mark.promise("W1")
def test_an_intake_waits_with_all_that_reading_it_takes() -> None:
    intake = an_intake(form="csv", precision="ms", device="pump-7", metric="t", size_bytes=7)
    (received,) = intake.pending_events
    assert received == IntakeReceived(
        occurred_at=intake.created_at, form="csv", precision="ms", device="pump-7", metric="t", mode="strict",
        size_bytes=7,
    )  # fmt: skip
    assert (intake.is_waiting, intake.result, intake.refusal) == (True, None, None)


@pytest.mark.promise("W2")
@pytest.mark.parametrize("second", ENDS)
@pytest.mark.parametrize("first", ENDS)
def test_an_intake_ends_once(first: IntakeStatus, second: IntakeStatus) -> None:
    intake = an_intake()
    ENDS[first](intake)
    with pytest.raises(IntakeEnded, match=f"it is {first}"):
        ENDS[second](intake)
    assert (intake.status, intake.version) == (first, 2)
    assert (intake.result is None, intake.refusal is None) == (first == "refused", first == "loaded")


def test_a_refusal_names_rows_and_has_a_bound() -> None:
    intake, faults = an_intake(), (RowFault(row=4, reason="too-large", detail="d"),)
    intake.refuse("batch-refused", "d" * 10_000, faults=faults, at=after_noon(1))
    assert intake.refusal is not None
    assert (len(intake.refusal.detail), intake.refusal.faults) == (DETAIL_LENGTH_MAX, faults)


@pytest.mark.promise("W6")
def test_room_ends_at_a_number_of_intakes_or_of_bytes() -> None:
    require_room(INTAKES_WAITING_MAX - 1, INTAKE_BYTES_WAITING_MAX - 5, 5)
    for waiting, size_bytes in ((INTAKES_WAITING_MAX, 0), (0, INTAKE_BYTES_WAITING_MAX - 4)):
        with pytest.raises(TooManyIntakes) as refusal:
            require_room(waiting, size_bytes, 5)
        assert refusal.value.data["retry_after_s"] == 5
