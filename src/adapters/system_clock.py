"""The clock, the ids, the secrets and the pauses of the real world."""

from __future__ import annotations

import random
import secrets
import time
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import uuid_utils.compat

SECRET_PREFIX: Final = "hw_"  # noqa: S105 - the public part
"""Lets secret scanners know a leaked token for what it is."""
BACK_OFF_BASE_S: Final = 0.01
BACK_OFF_MAX_S: Final = 0.2

_random = random.SystemRandom()


def now() -> datetime:
    """The present in UTC, by this machine's clock."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """A UUID of version 7 (RFC 9562)."""
    return uuid_utils.compat.uuid7()


def new_secret() -> str:
    """256 random bits, in letters that a header can carry, behind a prefix that names their use."""
    return SECRET_PREFIX + secrets.token_urlsafe(32)


def back_off(try_number: int) -> None:
    """Sleep before try 2, 3, …: a random time up to a bound that doubles each try, BACK_OFF_MAX_S at most.

    "Full jitter": M. Brooker, Exponential Backoff and Jitter, AWS Architecture Blog, 2015.
    """
    time.sleep(_random.uniform(0, min(BACK_OFF_MAX_S, BACK_OFF_BASE_S * 2**try_number)))


def jitter() -> float:
    """A random number in [0, 1)."""
    return _random.random()
