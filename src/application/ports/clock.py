"""Time and identity come from outside, so that tests and simulations decide them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

Clock = Callable[[], datetime]
"""The present, aware, in UTC, cut to whole microseconds. It orders nothing: versions and positions do."""

NewId = Callable[[], UUID]
"""A fresh UUID of version 7 (RFC 9562): unique, and roughly in order of time."""

NewSecret = Callable[[], str]
"""A fresh secret of at least 256 random bits, safe in a header."""

BackOff = Callable[[int], None]
"""Wait before try number n (2, 3, …); the wait is jittered, grows with n, and has an upper bound."""
