"""The contract of IntakeRepository, of bodies, and of what read models say of intakes."""

from __future__ import annotations

import random
from uuid import UUID

import pytest

from adapters.system_clock import new_id
from application.ports.intakes import IntakeView, Waiting
from application.ports.read_models import OpenReadModels
from builders import after_noon, an_intake
from domain.errors import NotFound, StaleObjectError
from domain.telemetry.batch import BatchResult, Mode, RowFault
from domain.telemetry.intake import Intake
from unit.contracts.binding import Store, StoreBinding, rolled_back, state_of

FAULTS = (
    RowFault(row=0, reason="too-large", detail="send less – ☕"),
    RowFault(row=2**31 - 1, reason="x", detail=""),
)
RESULT = BatchResult(accepted=199_990, duplicate=6, conflict=1, rejected=4, faults=FAULTS)
MIB = 1024 * 1024


def intake_of(store: Store, intake: Intake) -> Intake:
    """As it is stored."""
    with store.transaction() as uow:
        return uow.intakes.get(intake.id)


def body_of(store: Store, intake_id: UUID) -> bytes | None:
    """As it is kept."""
    with store.transaction() as uow:
        return uow.intakes.body(intake_id)


def waiting(store: Store) -> Waiting:
    """What the tenant has waiting."""
    with store.transaction() as uow:
        return uow.intakes.waiting()


class IntakeContract(StoreBinding):
    """Round trips, the optimistic lock, bodies that go with the end, and what waits."""

    @pytest.mark.promise("W1", "E9")
    def test_gives_every_state_back(self, store: Store, open_read_models: OpenReadModels) -> None:
        loaded = an_intake(
            device="pump – ☕", metric="m" * 200, mode=Mode.PARTIAL, form="csv", precision="us"
        )
        refused = an_intake(size_bytes=32 * MIB)
        store.save(loaded, refused)
        loaded.load(RESULT, at=after_noon(1))
        refused.refuse("batch-refused", "d" * 600, faults=FAULTS, at=after_noon(2))
        for intake in (loaded, refused, an_intake()):
            store.save(intake)
            found = intake_of(store, intake)
            folded = Intake.from_events(intake.id, [entry.event for entry in store.stream(intake.id)])
            assert state_of(found) == state_of(folded) == state_of(intake)
            with open_read_models(store.context.tenant_id) as views:
                assert views.intake(intake.id) == IntakeView.of(intake)
        assert loaded.result == RESULT

    @pytest.mark.promise("A1")
    def test_has_no_intake_of_an_unknown_id(
        self, store: Store, other_store: Store, open_read_models: OpenReadModels
    ) -> None:
        theirs = an_intake()
        with other_store.transaction() as uow:
            uow.intakes.keep_body(theirs.id, b"theirs")
            uow.intakes.save(theirs)
        for nobodys in (theirs.id, new_id()):
            with store.transaction() as uow, pytest.raises(NotFound) as refusal:
                uow.intakes.get(nobodys)
            assert refusal.value.data == {"kind": "intake", "id": str(nobodys)}
            assert body_of(store, nobodys) is None
            with open_read_models(store.context.tenant_id) as views, pytest.raises(NotFound):
                views.intake(nobodys)
        assert waiting(store) == (0, 0)

    @pytest.mark.promise("L1", "W2")
    def test_ends_once(self, store: Store) -> None:
        intake = an_intake()
        store.save(intake)
        first, second = intake_of(store, intake), intake_of(store, intake)
        first.load(RESULT, at=after_noon(1))
        store.save(first)
        second.refuse("malformed-batch", "", at=after_noon(1))
        with pytest.raises(StaleObjectError):
            store.save(second)
        assert intake_of(store, intake).result == RESULT
        with store.transaction() as uow:
            saved = uow.intakes.get(intake.id)
            uow.intakes.save(saved)
            assert uow.intakes.get(intake.id) is saved

    @pytest.mark.promise("W1")
    @pytest.mark.parametrize("size", [0, 1, MIB, 2 * MIB + 1])
    def test_keeps_a_body_until_it_is_dropped(self, store: Store, size: int) -> None:
        body, intake = random.Random(size).randbytes(size), an_intake()
        with store.transaction() as uow:
            uow.intakes.keep_body(intake.id, body)
            assert uow.intakes.body(intake.id) == body
            uow.intakes.save(intake)
        assert body_of(store, intake.id) == body
        with rolled_back(store.transaction()) as uow:
            uow.intakes.drop_body(intake.id)
            assert uow.intakes.body(intake.id) is None
        assert body_of(store, intake.id) == body
        for _ in range(2):
            with store.transaction() as uow:
                uow.intakes.drop_body(intake.id)
        assert body_of(store, intake.id) is None

    @pytest.mark.promise("W1")
    def test_keeps_no_body_of_what_is_rolled_back(self, store: Store) -> None:
        intake = an_intake()
        with rolled_back(store.transaction()) as uow:
            uow.intakes.keep_body(intake.id, b"body")
            uow.intakes.save(intake)
        assert body_of(store, intake.id) is None
        assert waiting(store) == (0, 0)

    @pytest.mark.promise("W6")
    def test_counts_what_waits(self, store: Store, other_store: Store) -> None:
        assert waiting(store) == (0, 0)
        intakes = [an_intake(size_bytes=size) for size in (2**40, 20, 300)]
        store.save(*intakes)
        other_store.save(an_intake())
        assert waiting(store) == (3, 2**40 + 320)
        intakes[0].load(RESULT, at=after_noon(1))
        intakes[1].refuse("malformed-batch", "", at=after_noon(1))
        store.save(*intakes[:2])
        assert waiting(store) == Waiting(1, 300)
