"""Give money of a payment back: the request, and the steps of the saga that carries it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from application.conflict_retry import retry_on_conflict
from application.payments.gateway_call import outcome_of_call
from application.ports.clock import BackOff, Clock, NewId
from application.ports.payment_gateway import PaymentGateway
from application.ports.payment_view import PaymentView
from application.ports.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.run_once import run_once
from domain.event import Event
from domain.money import Money
from domain.payments.refund import REFUND_SAGA
from domain.saga.events import SagaStepRefused, SagaStepSucceeded
from domain.saga.outcome import Outcome, StepDone
from domain.saga.progress import Directive
from domain.saga.saga import Saga


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundPayment:
    """Which payment, how much (None: whatever is left), and why."""

    payment_id: UUID
    amount: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class RefundPaymentHandler:
    """The amount is set aside together with a saga that calls the gateway; the answer doesn't wait for that."""

    open_unit_of_work: OpenUnitOfWork
    now: Clock
    new_id: NewId
    back_off: BackOff

    @retry_on_conflict(tries_max=3)
    @run_once(PaymentView)
    def handle(self, command: RefundPayment, uow: UnitOfWork) -> PaymentView:
        """Raises NotFound, PaymentStatusForbids, RefundTooLarge, TooManyRefunds, InvalidInput."""
        payment = uow.payments.get(command.payment_id)
        amount = None
        if command.amount is not None:
            amount = Money.parse(command.amount, payment.amount.currency, field="amount")
        refund_id, at = self.new_id(), self.now()
        payment.request_refund(refund_id, amount, reason=command.reason, at=at)
        uow.payments.save(payment)
        uow.sagas.save(Saga.start(REFUND_SAGA, id=self.new_id(), subject_id=refund_id, at=at))
        return PaymentView.of(payment)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    payment_id: str
    """The gateway's own name of the payment."""
    amount: Money


@dataclass(frozen=True)
class CarryOutRefund:
    """SagaSteps of REFUND_SAGA. Its one step is repeated under one key, which the gateway carries out once (S3)."""

    gateway: PaymentGateway

    def expect(self, sagas: Sequence[Saga], uow: UnitOfWork) -> None:
        """See SagaSteps; refunds are few."""

    def prepare(self, directive: Directive, saga: Saga, uow: UnitOfWork) -> _Call:
        """See SagaSteps."""
        payment = uow.payments.of_refund(saga.subject_id)
        minor = payment.refund_of(saga.subject_id).amount_minor
        return _Call(payment_id=payment.gateway_id or "", amount=Money(minor, payment.amount.currency))

    def call(self, directive: Directive, key: str, prepared: object) -> Outcome:
        """See SagaSteps."""
        if not isinstance(prepared, _Call):
            raise TypeError("prepared by somebody else")
        return outcome_of_call(
            self.gateway,
            key,
            lambda: self.gateway.refund(key, payment_id=prepared.payment_id, amount=prepared.amount),
        )

    def run(self, directive: Directive, saga: Saga, uow: UnitOfWork, *, at: datetime) -> Outcome:
        """See SagaSteps; no step is local."""
        return StepDone()

    def follow(self, events: Sequence[Event], saga: Saga, uow: UnitOfWork) -> None:
        """See SagaSteps."""
        for event in events:
            if not isinstance(event, SagaStepSucceeded | SagaStepRefused):
                continue
            payment = uow.payments.of_refund(saga.subject_id)
            if isinstance(event, SagaStepSucceeded):
                payment.refund(saga.subject_id, at=event.occurred_at)
            else:
                payment.decline_refund(saga.subject_id, event.reason, at=event.occurred_at)
            uow.payments.save(payment)
