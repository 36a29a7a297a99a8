"""Idempotent requests: one key names one request of one caller, and one lasting answer.

After the IETF draft "The Idempotency-Key HTTP Header Field" (draft-ietf-httpapi-idempotency-key-header-07),
made exact where it leaves a choice: promises H1 to H12.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Generic, TypeVar

from domain.errors import Conflict, InvalidInput, RuleViolation

KEY_LENGTH_MAX: Final = 255
KEY_KEPT_FOR: Final = timedelta(hours=24)
"""How long a key is remembered; afterwards the same key is a new request."""
RETRY_AFTER_S: Final = 1
"""When a caller whose twin request is still running should ask again."""


class RequestInProgress(Conflict):
    """A request with this Idempotency-Key is still running; ask again in {retry_after_s} s."""

    final = False


class KeyReused(RuleViolation):
    """This Idempotency-Key was first used for another request (method, address or body differ); take a new key."""

    final = False


@dataclass(frozen=True, slots=True)
class RequestKey:
    """The caller's key and the fingerprint of what was asked: SHA-256 over method, route and canonical body."""

    key: str
    fingerprint: bytes

    def __post_init__(self) -> None:
        if not 1 <= len(self.key) <= KEY_LENGTH_MAX:
            raise InvalidInput(field="Idempotency-Key", problem=f"must have 1 to {KEY_LENGTH_MAX} characters")

    @classmethod
    def of(cls, key: str, *content: bytes) -> RequestKey:
        """Fingerprint the parts of a request; each is preceded by its length, so no two splits look alike."""
        digest = hashlib.sha256()
        for part in content:
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
        return cls(key, digest.digest())

    def require_same_request(self, stored_fingerprint: bytes) -> None:
        """Raise KeyReused if the stored first request was a different one."""
        if stored_fingerprint != self.fingerprint:
            raise KeyReused()


Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """The request was carried out; `result` is everything its answer needs."""

    result: Result


@dataclass(frozen=True, slots=True)
class Refused:
    """The request was refused for good: the code and data of a final DomainError."""

    code: str
    data: dict[str, object]
