"""What a payment gateway tells by itself: a hint, the end of a doubt, or something to be shown."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.memory.saga_repositories import InMemoryLateReplies, InMemorySagaDirectory
from adapters.memory.stray_replies import InMemoryStrayReplies
from adapters.system_clock import new_id
from application.payments.hear_callback import HearCallback, HearCallbackHandler
from application.ports.payment_callbacks import PaymentCallback
from application.ports.payment_gateway import GatewayReply, Operation
from application.ports.sagas import LateReply
from application.sagas.advance_saga import Due
from builders import NOON
from domain.money import Money
from domain.payments.refund import REFUND_SAGA
from domain.saga.progress import CallKey, Direction, SagaStatus, call_key, parse_call_key
from domain.saga.saga import Saga
from simulation.crash_world import CrashWorld

pytestmark = pytest.mark.promise("S9")


class Ear:
    """Hears callbacks for the saga of a world."""

    def __init__(self, world: CrashWorld) -> None:
        self.world = world
        self.strays = InMemoryStrayReplies(world.database)
        self._late = InMemoryLateReplies(world.database)
        self._handler = HearCallbackHandler(
            directory=InMemorySagaDirectory(world.database),
            late_replies=self._late,
            stray_replies=self.strays,
            steps=world.handler.steps,
            open_unit_of_work=world.open,
            now=world.now,
            back_off=lambda _: None,
        )

    def hear(
        self,
        step: str = "authorise",
        direction: Direction = Direction.DO,
        *,
        attempt: int = 1,
        payment_id: str = "pay-1",
        declined: str | None = None,
        saga_id: UUID | None = None,
        told_as: str = "msg-1",
    ) -> None:
        """Once more."""
        operations = {"authorise": Operation.AUTHORISE, "refund": Operation.REFUND}
        operation = Operation.VOID if direction is Direction.UNDO else operations.get(step, Operation.CAPTURE)
        reply = GatewayReply(
            key=call_key(saga_id or self.world.saga_id, step, attempt, direction),
            operation=operation,
            payment_id=payment_id,
            amount=Money(840, "EUR"),
            declined=declined,
            at=NOON,
        )
        callback = PaymentCallback(id=told_as, reply=reply)
        self._handler.handle(HearCallback(gateway="sandbox", callback=callback))

    @property
    def kept(self) -> list[LateReply]:
        return list(self._late.list(self.world.context.tenant_id, saga_id=None, after=None, limit=100))


def frozen_worker(world: CrashWorld) -> Due:
    """It is about to call the gateway, and has been for so long that others may go on."""
    (due,) = world.handler.begin(world.context.tenant_id, [world.saga_id])
    world.recover()
    return due


@pytest.fixture
def world() -> CrashWorld:
    return CrashWorld("good")


@pytest.fixture
def ear(world: CrashWorld) -> Ear:
    return Ear(world)


@pytest.mark.promise("M1")
@pytest.mark.parametrize("has_ended", [False, True])
def test_money_that_it_finds_for_a_cancelled_order_is_let_go(
    world: CrashWorld, ear: Ear, has_ended: bool
) -> None:
    frozen = frozen_worker(world)
    world.cancel()
    if has_ended:
        world.work()
        assert world.saga().status is SagaStatus.COMPENSATED
    frozen.steps.call(frozen.directive, frozen.key, frozen.prepared)  # and it dies with the answer
    ear.hear()
    found = world.saga()
    assert (found.status, found.progress("authorise").result) == (SagaStatus.COMPENSATING, "pay-1")
    assert found.is_due_at_once
    ear.hear()
    assert world.saga().version == found.version
    world.work()
    world.require_conservation()
    assert world.ending().payments == (("voided", 1),)
    ended = world.saga()
    ear.hear()
    ear.hear("authorise", Direction.UNDO, told_as="msg-2")
    assert world.saga().version == ended.version
    assert ear.kept == []


def test_a_refusal_ends_the_doubt_of_a_cancelled_order(world: CrashWorld, ear: Ear) -> None:
    frozen_worker(world)
    world.cancel()
    assert world.saga().status is SagaStatus.COMPENSATING
    ear.hear(declined="insufficient_funds")
    assert world.saga().status is SagaStatus.COMPENSATED
    assert world.ending().order == "cancelled"
    assert ear.kept == []


def test_is_no_more_than_a_hint_while_the_saga_lives_and_a_duplicate_when_it_is_done(
    world: CrashWorld, ear: Ear
) -> None:
    frozen_worker(world)
    before = world.saga()
    ear.hear()
    assert world.saga().version == before.version
    world.work()
    done = world.saga()
    assert done.status is SagaStatus.COMPLETED
    ear.hear()
    ear.hear("capture", told_as="msg-2")
    assert (world.saga().version, ear.kept) == (done.version, [])


def test_what_the_books_do_not_have_is_kept_once(world: CrashWorld, ear: Ear) -> None:
    world.work()
    done = world.saga()
    for _ in range(2):
        ear.hear(payment_id="pay-9", told_as="another payment")
        ear.hear(declined="expired", told_as="declined after all")
        ear.hear("authorise", Direction.UNDO, told_as="let go by nobody")
        ear.hear(attempt=2, told_as="a try that was never made")
        ear.hear("refund", told_as="a step of another saga")
    assert world.saga().version == done.version
    assert [reply.saga_id for reply in ear.kept] == [world.saga_id] * 5
    assert "authorise: carried out, payment pay-9, 8.40" in {reply.reply for reply in ear.kept}


def test_what_names_no_saga_is_kept_once_for_those_who_run_the_service(world: CrashWorld, ear: Ear) -> None:
    nobodys = new_id()
    for told_as in ("first", "first", "second"):
        ear.hear(saga_id=nobodys, told_as=told_as)
    strays = ear.strays.list(after=None, limit=10)
    assert [(stray.gateway, stray.key, stray.received_at) for stray in strays] == [
        ("sandbox", call_key(nobodys, "authorise", 1, Direction.DO), world.at)
    ] * 2
    assert [stray.id.version for stray in strays] == [7, 7]
    assert ear.strays.list(after=strays[0].id, limit=10) == [strays[1]]
    assert ear.kept == []


def test_a_refund_hears_its_own_call_alone(world: CrashWorld, ear: Ear) -> None:
    saga = Saga.start(REFUND_SAGA, id=new_id(), subject_id=new_id(), at=NOON)
    with world.open(world.context) as uow:
        uow.sagas.save(saga)
    ear.hear("refund", saga_id=saga.id)
    assert ear.kept == []
    ear.hear("authorise", saga_id=saga.id)
    assert [reply.saga_id for reply in ear.kept] == [saga.id]
    with world.open(world.context) as uow:
        assert uow.sagas.get(saga.id).version == 1


@given(
    st.builds(
        CallKey,
        st.uuids(),
        st.from_regex("[a-z_]+", fullmatch=True),
        st.integers(1, 10**9 - 1),
        st.sampled_from(Direction),
    )
)
def test_a_key_names_its_call_and_nothing_else_is_one(call: CallKey) -> None:
    key = call_key(call.saga_id, call.step, call.attempt, call.direction)
    assert parse_call_key(key) == call
    for other in (key.upper(), f"{key}\n", key.replace(":", "."), key[1:], f"{key}o", key.replace(".", ".0")):
        assert parse_call_key(other) is None
    assert parse_call_key(call_key(call.saga_id, call.step, 0, call.direction)) is None
