"""What the steps of a definition do: the part of a saga that knows what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from application.ports.unit_of_work import UnitOfWork
from domain.event import Event
from domain.saga.outcome import Outcome
from domain.saga.progress import Directive
from domain.saga.saga import Saga


class SagaSteps(Protocol):
    """Actions of one definition. The three kinds of work never mix: calls outside, steps inside, consequences."""

    def expect(self, sagas: Sequence[Saga], uow: UnitOfWork) -> None:
        """Say what the other methods will read for these, so that it is read together; a hint."""
        ...

    def prepare(self, directive: Directive, saga: Saga, uow: UnitOfWork) -> object:
        """Read what the call that is due needs; what is given goes to `call` after the transaction has ended."""
        ...

    def call(self, directive: Directive, key: str, prepared: object) -> Outcome:
        """One try outside, in bounded time, under a key that every try shares (S3); no transaction is open (O5).

        DO, UNDO and ASK alike; any error that comes out counts as unclear.
        """
        ...

    def run(self, directive: Directive, saga: Saga, uow: UnitOfWork, *, at: datetime) -> Outcome:
        """A local step, or its compensation: what is saved commits together with the saga's next state."""
        ...

    def follow(self, events: Sequence[Event], saga: Saga, uow: UnitOfWork) -> None:
        """What new events of the saga mean for everything else; saved in the same transaction as the events."""
        ...
