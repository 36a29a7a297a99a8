"""Whether this web process is about to stop: its server says so, /readyz passes it on."""

from __future__ import annotations

import threading
from typing import Final

from application.ports.readiness import CheckResult

_begun: Final = threading.Event()


def begin() -> None:
    """From now on this process is not ready; what has been accepted is still answered."""
    _begun.set()


def cancel() -> None:
    """Be ready again."""
    _begun.clear()


def check() -> CheckResult:
    """The readiness check of that name."""
    return CheckResult("drain", required=True, problem="the server is stopping" if _begun.is_set() else None)
