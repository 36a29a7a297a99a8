"""Hear what a payment gateway tells by itself (S9)."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from application.conflict_retry import retry_on_conflict
from application.ports.clock import BackOff, Clock
from application.ports.payment_callbacks import PaymentCallback, StrayReplies, StrayReply
from application.ports.payment_gateway import GatewayReply, Operation
from application.ports.sagas import REPLY_LENGTH_MAX, LateReplies, LateReply, SagaDirectory
from application.ports.unit_of_work import CommandContext, OpenUnitOfWork
from application.sagas.late import hear_late
from application.sagas.steps import SagaSteps
from domain.orders.fulfilment import AUTHORISE
from domain.saga.known_replies import is_news
from domain.saga.outcome import StepDone, StepRefused
from domain.saga.progress import CallKey, Direction, parse_call_key

_VERSION_AND_VARIANT: Final = 0x7 << 76 | 0b10 << 62
_THEIR_BITS: Final = 0xF << 76 | 0b11 << 62

_log: Final = logging.getLogger("holdwater.saga")


@dataclass(frozen=True, slots=True, kw_only=True)
class HearCallback:
    """Which gateway tells it, by the name in our address."""

    gateway: str
    callback: PaymentCallback


@dataclass(frozen=True, slots=True)
class _Told:
    """What a callback says of a call of ours."""

    call: CallKey
    outcome: StepDone | StepRefused
    operation: Operation

    @property
    def is_of_an_authorisation(self) -> bool:
        """Nothing else is called back once it is found late."""
        return (
            self.operation is Operation.AUTHORISE
            and self.call.step == AUTHORISE
            and self.call.direction is Direction.DO
        )


@dataclass(frozen=True)
class HearCallbackHandler:
    """A callback never moves a saga forward: for that our own call counts, and it is made again under its key.

    It ends a doubt of a saga that is being undone, or was: money that turns out to be set aside is let go. What tells
    something new and changes nothing is kept as a late reply, what names no saga as a stray one.
    """

    directory: SagaDirectory
    late_replies: LateReplies
    stray_replies: StrayReplies
    steps: Mapping[str, SagaSteps]
    """By the definition's name."""
    open_unit_of_work: OpenUnitOfWork
    now: Clock
    back_off: BackOff

    def handle(self, command: HearCallback) -> None:
        """Any number of times, also at once. Raises Overloaded, StoreUnavailable; it is told again then."""
        reply, id_ = command.callback.reply, _id_of(command)
        call = parse_call_key(reply.key)
        tenant_id = None if call is None else self.directory.tenant_of(call.saga_id)
        if call is None or tenant_id is None:
            _log.warning("%s tells of %s, which no saga has asked for", command.gateway, reply.key)
            self.stray_replies.keep(
                StrayReply(
                    id=id_,
                    gateway=command.gateway,
                    key=reply.key,
                    reply=_text_of(reply),
                    received_at=self.now(),
                )
            )
            return
        outcome = StepDone(reply.payment_id) if reply.declined is None else StepRefused(reply.declined)
        context = CommandContext(
            tenant_id=tenant_id,
            actor=f"callback:{command.gateway}",
            correlation_id=str(call.saga_id),
            causation_id=str(id_),
        )
        if self._hear(_Told(call, outcome, reply.operation), context):
            _log.warning("%s tells of %s too late: %s", command.gateway, reply.key, _text_of(reply))
            late = LateReply(
                id=id_,
                saga_id=call.saga_id,
                key=reply.key,
                reply=_text_of(reply),
                received_at=self.now(),
            )
            self.late_replies.keep(tenant_id, late)

    @retry_on_conflict(tries_max=3)
    def _hear(self, told: _Told, context: CommandContext) -> bool:
        """Whether it is to be kept: it tells something new, and changes nothing, so that no journal has it."""
        call = told.call
        with self.open_unit_of_work(context) as uow:
            saga = uow.sagas.get(call.saga_id)
            has_step = any(step.name == call.step for step in saga.steps)
            if has_step and told.is_of_an_authorisation:
                at = self.now()
                if hear_late(saga, self.steps, uow, call.step, call.attempt, told.outcome, at=at):
                    return False
            return is_news(saga, call, told.outcome)


def _id_of(command: HearCallback) -> UUID:
    """The same for each telling, and in the order of time like all ids: UUIDv7 (RFC 9562) with a digest for chance."""
    reply = command.callback.reply
    name = f"{command.gateway}:{command.callback.id}:{reply.key}"
    milliseconds = int(reply.at.timestamp() * 1_000) & (1 << 48) - 1
    digest = int.from_bytes(hashlib.sha256(name.encode()).digest()[:10], "big")
    return UUID(int=(milliseconds << 80 | digest) & ~_THEIR_BITS | _VERSION_AND_VARIANT)


def _text_of(reply: GatewayReply) -> str:
    """For people."""
    became = "carried out" if reply.declined is None else f"declined ({reply.declined})"
    return f"{reply.operation}: {became}, payment {reply.payment_id}, {reply.amount}"[:REPLY_LENGTH_MAX]
