"""What has to work for this process to be ready, looked at now."""

from __future__ import annotations

from collections.abc import Iterable

from application.ports.readiness import CheckResult
from entrypoints import drain
from entrypoints.rest_api.wiring import container


def checks() -> list[CheckResult]:
    """Each of them."""
    return [check() for check in (drain.check, *container().readiness_checks())]


def are_passed(checked: Iterable[CheckResult]) -> bool:
    """Whether no required one has a problem (A5)."""
    return all(check.problem is None or not check.required for check in checked)
