"""The refusals of the domain: four parents decide how a transport answers, stable codes name each one.

The docstring of an error is its message; words in braces are filled from the data that the instance carries,
so an error can be stored as (code, data) and raised again, word for word, by `DomainError.from_stored`.
"""

from __future__ import annotations

import re
from typing import ClassVar


class DomainError(Exception):
    """The request was refused."""

    code: ClassVar[str]
    final: ClassVar[bool] = False
    """Whether the refusal is the lasting answer to a request: kept and replayed under its idempotency key."""

    _by_code: ClassVar[dict[str, type[DomainError]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.code = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()
        known = DomainError._by_code.setdefault(cls.code, cls)
        if known is not cls:
            raise TypeError(
                f"two errors share the code {cls.code!r}: {known.__qualname__}, {cls.__qualname__}"
            )

    def __init__(self, **data: object) -> None:
        self.data = data
        super().__init__(data)

    def __str__(self) -> str:
        return (type(self).__doc__ or "").format(**self.data)

    @staticmethod
    def known() -> dict[str, type[DomainError]]:
        """Every error by its code."""
        return dict(DomainError._by_code)

    @staticmethod
    def from_stored(code: str, data: dict[str, object]) -> DomainError:
        """Build the error again from what was stored. Raises KeyError for a code that no error has."""
        return DomainError._by_code[code](**data)


class InvalidInput(DomainError):
    """{field}: {problem}"""

    def __init__(self, *, field: str, problem: str, **data: object) -> None:
        super().__init__(field=field, problem=problem, **data)


class NotFound(DomainError):
    """There is no {kind} {id}."""


class Gone(DomainError):
    """The {kind} {id} has been deleted; restore it first."""


class Conflict(DomainError):
    """The request contradicts what is stored."""

    final = True


class RuleViolation(DomainError):
    """A rule of the domain forbids it."""

    final = True


class StaleObjectError(Conflict):
    """The {kind} {id} has changed since it was read; it is at version {current_version} now. Read it again."""

    final = False

    def __init__(self, *, kind: str, id: str, current_version: int | None, **data: object) -> None:
        super().__init__(kind=kind, id=id, current_version=current_version, **data)


class AggregateSpent(Conflict):
    """The {kind} {id} belongs to a transaction that was rolled back; load it again before you change it."""

    final = False
