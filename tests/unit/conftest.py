"""Keeps the unit folder free of frameworks: a run of it alone fails when Django was imported on the way."""

from __future__ import annotations

import sys

import pytest

FRAMEWORKS = ("django", "rest_framework", "psycopg2", "redis")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a passed run in which a unit test, or what it imports, loaded a framework."""
    loaded = _loaded_by_units(session)
    if loaded and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(
                f"\nunit tests loaded {', '.join(loaded)}: move them, or mend the import", red=True
            )


def _loaded_by_units(session: pytest.Session) -> list[str]:
    here = session.config.rootpath / "tests" / "unit"
    # With other folders in the same run nobody can say who imported it.
    if not session.items or not all(item.path.is_relative_to(here) for item in session.items):
        return []
    return [name for name in FRAMEWORKS if name in sys.modules]
