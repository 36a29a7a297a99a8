"""Load and decide again after a conflict, a bounded number of times, where the caller named no version."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Protocol, TypeVar

from application.ports.clock import BackOff
from application.ports.unit_of_work import CommandContext, TransactionConflict
from domain.errors import DomainError, StaleObjectError


class Overloaded(DomainError):
    """Too many others changed the same things; {tries} tries were made and nothing was written. Try again later."""


class _Handler(Protocol):
    @property
    def back_off(self) -> BackOff: ...


Result = TypeVar("Result")
Command = TypeVar("Command")
Handler = TypeVar("Handler", bound=_Handler)
Handle = Callable[[Handler, Command, CommandContext], Result]


def retry_on_conflict(
    *, tries_max: int
) -> Callable[[Handle[Handler, Command, Result]], Handle[Handler, Command, Result]]:
    """Call the handler again, from the start and in a transaction of its own, up to `tries_max` times in all.

    TransactionConflict is retried for every command. StaleObjectError is the answer where the command names an
    `expected_version` (412 to the client); elsewhere the decision was made on state that has changed, and is made
    again. Raises Overloaded (503, never 412) when every try met a conflict (L7).
    """

    def decorate(handle: Handle[Handler, Command, Result]) -> Handle[Handler, Command, Result]:
        @functools.wraps(handle)
        def handle_with_retry(self: Handler, command: Command, context: CommandContext) -> Result:
            names_a_version = getattr(command, "expected_version", None) is not None
            for number in range(1, tries_max + 1):
                if number > 1:
                    self.back_off(number)
                try:
                    return handle(self, command, context)
                except TransactionConflict:
                    continue
                except StaleObjectError:
                    if names_a_version:
                        raise
            raise Overloaded(tries=tries_max)

        return handle_with_retry

    return decorate
