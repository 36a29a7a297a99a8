"""What is fuzzed: the API in this process over memory, or (`make fuzz`) the real server over PostgreSQL."""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

import pytest

from application.access.access_desk import AccessDesk, IssueToken
from application.ports.unit_of_work import OpenUnitOfWork
from entrypoints.container import Container
from entrypoints.django_site.wsgi import application as in_process
from entrypoints.rest_api import wiring
from entrypoints.settings import Settings
from fuzz.over_http import over_http
from integration.conftest import database_urls as database_urls
from integration.conftest import postgres as postgres
from integration.rest_api.checked_client import Application, CheckedClient
from integration.rest_api.readiness import parked_message
from integration.web_server.conftest import web_environment as web_environment
from integration.web_server.web_process import web_process

REAL_SERVICE: Final = os.environ.get("HOLDWATER_FUZZ") == "large"
"""Over HTTP and PostgreSQL, with many cases; otherwise in this process, over memory, with few."""

_counts: Final[Counter[str]] = Counter()


@dataclass(frozen=True)
class Service:
    """The service under test; `base_url` is None in this process."""

    application: Application
    desk: AccessDesk
    base_url: str | None
    open_unit_of_work: OpenUnitOfWork
    """The same store from inside, for what no caller can do yet."""
    park_message: Callable[[UUID], UUID]
    """Make a dead letter for that tenant; its id."""

    def token(self) -> str:
        """A token that may do everything, of a tenant that nobody else has."""
        return self._new_tenant()[0]

    def client(self) -> CheckedClient:
        """A client of a tenant of its own."""
        return CheckedClient(self.application, self.token())

    def client_of_a_tenant(self) -> tuple[CheckedClient, UUID]:
        """A client of a tenant of its own, and the tenant's id."""
        token, tenant_id = self._new_tenant()
        return CheckedClient(self.application, token), tenant_id

    def _new_tenant(self) -> tuple[str, UUID]:
        tenant = f"tenant-{uuid4().hex}"
        tenant_id = self.desk.create_tenant(tenant)
        return self.desk.issue(IssueToken(tenant=tenant, owner="alice", scopes=("all",))).secret, tenant_id


@pytest.fixture(scope="module")
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """The service, for the tests of a module."""
    container = Container()
    container.settings.override(Settings(persistence="django" if REAL_SERVICE else "memory"))
    park = functools.partial(parked_message, container)
    if REAL_SERVICE:
        environment = request.getfixturevalue("web_environment")
        folder = request.getfixturevalue("tmp_path_factory").mktemp("web")
        with web_process(environment, folder) as web:
            url = web.start().url
            yield Service(over_http(url), container.access_desk(), url, container.unit_of_work, park)
    else:
        before = wiring.use(container)
        yield Service(in_process, container.access_desk(), None, container.unit_of_work, park)
        wiring.use(before)


@pytest.fixture(scope="session")
def count() -> Callable[[str], None]:
    """Counts what was run, for the summary."""

    def one_more(what: str) -> None:
        _counts[what] += 1

    return one_more


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how much was run."""
    where = "the real server over PostgreSQL" if REAL_SERVICE else "the API in process over memory"
    for what, number in sorted(_counts.items()):
        terminalreporter.write_line(f"fuzz: {number:,} {what}, {where}")
