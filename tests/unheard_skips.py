"""The pytest plugin that fails a guarded run when a test was skipped or let fail without permission."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

import pytest

HANDED_OVER: Final = "unheard_skips"
"""Under this name a worker process of pytest-xdist hands its list to the process that judges the run."""


class UnheardSkipsPlugin:
    """Turns each skip or expected failure into a failed run, but for tests marked `allowed_skip(reason)`.

    A skipped module or folder counts as well: nothing in it can carry the mark, so it is never allowed.
    Where workers share the tests, each of them notes what it skipped, and the process that started them judges.
    """

    def __init__(self) -> None:
        self._unheard: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note a test that was skipped, or failed as its `xfail` mark expects."""
        report = yield
        if report.skipped and not _is_allowed(item):
            self._unheard.append(f"{item.nodeid}: {_reason(report)}")
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a module that skipped itself while it was collected."""
        if report.skipped:
            self._unheard.append(f"{report.nodeid}: {_reason(report)}")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail a run that passed otherwise; a worker hands its list over as well."""
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[HANDED_OVER] = self._unheard
        passed = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        if self._unheard and passed:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what a worker skipped; each worker collects all modules, so a skipped one is named once."""
        handed_over = getattr(node, "workeroutput", {}).get(HANDED_OVER, [])
        self._unheard += [line for line in handed_over if line not in self._unheard]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """List what was not run."""
        if self._unheard:
            terminalreporter.section("not run, so the run fails", red=True)
            for line in self._unheard:
                terminalreporter.write_line(line)
            terminalreporter.write_line("Mend the cause, or mark the test allowed_skip(reason).")


def _is_allowed(item: pytest.Item) -> bool:
    return any(mark.args or mark.kwargs for mark in item.iter_markers("allowed_skip"))


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    expected_failure = getattr(report, "wasxfail", None)
    if expected_failure is not None:
        return f"expected failure: {expected_failure or 'no reason given'}"
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
