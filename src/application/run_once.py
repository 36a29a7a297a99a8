"""One lasting answer per idempotency key: wraps the decision of a use case in a transaction that runs once.

The order is the one of promise L8: replay by key comes first, so a retried success is answered from the record
even when its version is stale by now (H12); then the decision loads, checks and saves.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from application.ports.unit_of_work import CommandContext, OpenUnitOfWork, UnitOfWork
from domain.errors import DomainError
from domain.idempotency import Done, Refused


class _Handler(Protocol):
    @property
    def open_unit_of_work(self) -> OpenUnitOfWork: ...


Result = TypeVar("Result")
Command = TypeVar("Command")
Handler = TypeVar("Handler", bound=_Handler)


@dataclass(frozen=True, slots=True)
class Answer(Generic[Result]):
    """What a use case answers; `replayed` says that it was carried out by an earlier request with the same key."""

    result: Result
    replayed: bool


class ReplayedRefusal(Exception):
    """An earlier request with the same key was refused for good; `refusal` is that refusal."""

    def __init__(self, refusal: DomainError) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


def run_once(
    result_type: type[Result],
    *,
    expecting: Callable[[Any, UnitOfWork], None] = lambda command, uow: None,
) -> Callable[
    [Callable[[Handler, Command, UnitOfWork], Result]],
    Callable[[Handler, Command, CommandContext], Answer[Result]],
]:
    """Make `handle(command, context)` of a decision `(command, uow) -> result`.

    `expecting` tells the unit of work's parts what the decision will read, before the key is claimed.

    Without a request key the decision simply runs in a transaction. With one, the first request runs it and keeps
    the outcome in the same transaction: the result, or a final refusal, whose writes are undone. A refusal that is
    not final (not found, stale, busy) is not kept, and the key stays free (H7, H8).
    Raises what the decision raises, ReplayedRefusal, and RequestInProgress and KeyReused of `UnitOfWork.once`.
    """

    def decorate(
        decide: Callable[[Handler, Command, UnitOfWork], Result],
    ) -> Callable[[Handler, Command, CommandContext], Answer[Result]]:
        @functools.wraps(decide)
        def handle(self: Handler, command: Command, context: CommandContext) -> Answer[Result]:
            refusal: DomainError | None = None
            with self.open_unit_of_work(context) as uow:
                if context.request_key is None:
                    return Answer(decide(self, command, uow), replayed=False)
                expecting(command, uow)
                stored = uow.once(context.request_key, result_type)
                if stored is not None:
                    return _replay(stored)
                try:
                    result = decide(self, command, uow)
                    uow.commit(Done(result))
                    return Answer(result, replayed=False)
                except DomainError as error:
                    if not error.final:
                        raise
                    refusal = error
                    uow.discard_writes()
                    uow.settle(Refused(error.code, error.data))
            raise refusal

        return handle

    return decorate


def _replay(stored: Done[Result] | Refused) -> Answer[Result]:
    match stored:
        case Done(result):
            return Answer(result, replayed=True)
        case Refused(code, data):
            raise ReplayedRefusal(DomainError.from_stored(code, data))
