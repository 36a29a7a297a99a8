"""What can go wrong with an embedded stack; every message is one line that says what to do."""

from __future__ import annotations

from application.ports.readiness import NotFit


class EmbeddedServiceError(NotFit):
    """An embedded service can't be started, kept up or stopped."""


class StackAlreadyRunning(EmbeddedServiceError):
    """Another process runs a stack on this state directory."""


class StackNotRunning(EmbeddedServiceError):
    """No stack runs on this state directory."""


class StopRequested(EmbeddedServiceError):
    """A signal asked the stack to stop while it was starting."""
