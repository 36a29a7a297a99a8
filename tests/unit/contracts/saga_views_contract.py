"""The contract of sagas as operators read them: the journal tells everything, lists find what is asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from adapters.system_clock import new_id
from application.ports.saga_views import SagaFilter, SagaViews
from builders import NOON, after_noon
from domain.errors import NotFound
from domain.orders.fulfilment import FREE_ORDER_FULFILMENT, ORDER_FULFILMENT
from domain.saga.definition import SagaDefinition
from domain.saga.outcome import NothingFound, Outcome, StepDone, StepFailed, StepRefused, StepUnclear
from domain.saga.progress import Direction, SagaStatus, StepState
from domain.saga.saga import Saga
from unit.contracts.binding import Store, StoreBinding

ALL = 100


class SagaViewsContract(StoreBinding):
    """What is committed of one tenant's sagas."""

    @pytest.fixture
    def views(self) -> SagaViews:
        raise NotImplementedError("the binding must override views")

    @pytest.mark.promise("S12")
    def test_the_journal_tells_every_try_with_its_error_its_pause_and_its_key(
        self, store: Store, views: SagaViews
    ) -> None:
        def history(saga: Saga) -> None:
            replies: tuple[Outcome, ...] = (StepUnclear("no answer"), StepRefused("declined"))
            for number, outcome in enumerate(replies, 1):
                hear(saga, "authorise", outcome, number)
            saga.try_anew(at=after_noon(3))
            hear(saga, "authorise", StepDone("pay-2"), 4)
            hear(saga, "reserve", StepRefused("sold out"), 5)
            hear(saga, "authorise", StepFailed("away"), 6, Direction.UNDO)
            hear(saga, "authorise", StepDone(), 7, Direction.UNDO)

        saga = stored(store, history)
        found = views.of_id(store.context.tenant_id, saga.id)
        assert views.of_subject(store.context.tenant_id, saga.subject_id) == found
        assert [entry.version for entry in found.journal] == list(range(1, saga.version + 1))
        assert {entry.actor for entry in found.journal} == {store.context.actor}
        first, second = f"{saga.id}:authorise.1:", f"{saga.id}:authorise.2:"
        assert [(entry.what, entry.step, entry.key) for entry in found.journal] == [
            ("started", None, None),
            ("step_put_off", "authorise", f"{first}do"),
            ("step_refused", "authorise", f"{first}do"),
            ("attempt_began", "authorise", f"{second}do"),
            ("step_succeeded", "authorise", f"{second}do"),
            ("step_refused", "reserve", None),
            ("compensation_began", None, None),
            ("step_put_off", "authorise", f"{second}undo"),
            ("step_undone", "authorise", f"{second}undo"),
            ("compensated", None, None),
        ]
        put_off = found.journal[1]
        assert (put_off.error, put_off.is_unclear, put_off.attempt) == ("no answer", True, 1)
        assert put_off.at == after_noon(1)
        assert put_off.due_at is not None
        assert put_off.at < put_off.due_at
        assert [entry.reason for entry in found.journal if entry.reason] == [
            "declined",
            "sold out",
            "sold out",
        ]
        authorise = found.steps[0]
        assert (authorise.state, authorise.attempt, authorise.result) == (StepState.UNDONE, 2, "pay-2")
        assert (authorise.key, authorise.undo_key) == (f"{second}do", f"{second}undo")
        assert {(step.key, step.undo_key) for step in found.steps if step.name in {"reserve", "notify"}} == {
            (None, None)
        }

    @pytest.mark.promise("S4", "S12")
    def test_what_was_in_doubt_was_asked_for_by_the_key_of_the_step_forward(
        self, store: Store, views: SagaViews
    ) -> None:
        def history(saga: Saga) -> None:
            hear(saga, "authorise", StepUnclear("no answer"), 1)
            saga.cancel(reason="changed my mind", at=after_noon(2))
            answers: tuple[Outcome, ...] = (NothingFound(timedelta(hours=1)), StepDone("pay-1"))
            for number, outcome in enumerate(answers, 3):
                saga.hear_answer("authorise", 1, outcome, at=after_noon(number), jitter=0)
            hear(saga, "authorise", StepDone(), 5, Direction.UNDO)

        saga = stored(store, history)
        journal = views.of_id(store.context.tenant_id, saga.id).journal
        do, undo = (f"{saga.id}:authorise.1:{way}" for way in ("do", "undo"))
        assert [(entry.what, entry.key) for entry in journal if entry.step] == [
            ("step_put_off", do),
            ("step_put_off", do),
            ("effect_found", do),
            ("step_undone", undo),
        ]

    @pytest.mark.promise("S5", "S12")
    def test_an_undo_that_is_parked_is_found_while_others_go_on(self, store: Store, views: SagaViews) -> None:
        parked_undo, parked, going_on = (
            stored(store, history) for history in (undo_parked, step_parked, lambda saga: None)
        )
        assert parked_undo.status is SagaStatus.COMPENSATING
        wanted = SagaFilter(needs_repair=True)
        found = views.list(store.context.tenant_id, wanted, after=None, limit=ALL)
        assert [saga.id for saga in found] == [parked_undo.id, parked.id]
        assert [step.error for step in found[0].steps if step.state is StepState.UNDO_PARKED] == [
            "refused: locked"
        ]
        of_status = SagaFilter(status=SagaStatus.PARKED)
        assert [
            saga.id for saga in views.list(store.context.tenant_id, of_status, after=None, limit=ALL)
        ] == [parked.id]
        with store.transaction() as uow:
            saga = uow.sagas.get(parked_undo.id)
            saga.retry("reserve", operator="ada", reason="unlocked", at=after_noon(9))
            uow.sagas.save(saga)
        found = views.list(store.context.tenant_id, wanted, after=None, limit=ALL)
        assert [saga.id for saga in found] == [parked.id]
        repaired = views.of_id(store.context.tenant_id, parked_undo.id).journal[-1]
        assert (repaired.what, repaired.how, repaired.operator, repaired.reason) == (
            "repaired", "retry", "ada", "unlocked",
        )  # fmt: skip
        assert (repaired.step, repaired.direction) == ("reserve", "undo")
        others = SagaFilter(needs_repair=False, status=SagaStatus.RUNNING)
        assert [saga.id for saga in views.list(store.context.tenant_id, others, after=None, limit=ALL)] == [
            going_on.id
        ]

    @pytest.mark.promise("A3", "S12")
    def test_a_list_is_walked_from_the_first_that_began_to_the_last(
        self, store: Store, views: SagaViews
    ) -> None:
        sagas = [stored(store, lambda saga: None) for _ in range(5)]
        free = stored(store, lambda saga: None, FREE_ORDER_FULFILMENT)
        walked: list[UUID] = []
        for _ in range(3):
            page = views.list(
                store.context.tenant_id, SagaFilter(), after=walked[-1] if walked else None, limit=2
            )
            walked += [saga.id for saga in page]
        assert walked == [*(saga.id for saga in sagas), free.id]
        assert views.list(store.context.tenant_id, SagaFilter(), after=free.id, limit=2) == ()
        of_kind = SagaFilter(definition=FREE_ORDER_FULFILMENT.name)
        (only,) = views.list(store.context.tenant_id, of_kind, after=None, limit=ALL)
        assert only.id == free.id
        assert views.list(store.context.tenant_id, of_kind, after=None, limit=0) == ()

    def test_nobody_sees_another_tenants(self, store: Store, other_store: Store, views: SagaViews) -> None:
        foreign = stored(other_store, step_parked)
        for ask, of in ((views.of_id, foreign.id), (views.of_subject, foreign.subject_id)):
            with pytest.raises(NotFound):
                ask(store.context.tenant_id, of)
        assert views.list(store.context.tenant_id, SagaFilter(), after=None, limit=ALL) == ()


def hear(saga: Saga, step: str, outcome: Outcome, minute: int, direction: Direction = Direction.DO) -> None:
    assert saga.hear(
        step,
        saga.progress(step).attempt,
        direction,
        outcome,
        at=after_noon(minute),
        jitter=0,
    )


def step_parked(saga: Saga) -> None:
    """The notices could not be sent, twenty times."""
    for number, step in enumerate(("authorise", "reserve", "capture"), 1):
        hear(saga, step, StepDone("pay-1"), number)
    while not saga.needs_repair:
        hear(saga, "notify", StepFailed("away"), 4)


def pivot_parked(saga: Saga) -> None:
    """The money could not be taken, twenty times."""
    hear(saga, "authorise", StepDone("pay-1"), 1)
    hear(saga, "reserve", StepDone(), 2)
    while not saga.needs_repair:
        hear(saga, "capture", StepFailed("away"), 3)


def undo_parked(saga: Saga) -> None:
    """The stock could not be released; the payment is still to be voided."""
    hear(saga, "authorise", StepDone("pay-1"), 1)
    hear(saga, "reserve", StepDone(), 2)
    hear(saga, "capture", StepRefused("expired"), 3)
    hear(saga, "reserve", StepRefused("locked"), 4, Direction.UNDO)


def all_undone(saga: Saga) -> None:
    """Cancelled after the payment was authorised."""
    hear(saga, "authorise", StepDone("pay-1"), 1)
    saga.cancel(reason="changed my mind", at=after_noon(2))
    hear(saga, "authorise", StepDone(), 3, Direction.UNDO)


def stored(
    store: Store, history: Callable[[Saga], None], definition: SagaDefinition = ORDER_FULFILMENT
) -> Saga:
    """A saga with that history."""
    saga = Saga.start(definition, id=new_id(), subject_id=new_id(), at=NOON)
    history(saga)
    with store.transaction() as uow:
        uow.sagas.save(saga)
    return saga
