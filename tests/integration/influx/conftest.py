"""The real server over the real database, and what lies in it afterwards."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from integration.influx.fault_proxy import FaultProxy, fault_proxy
from integration.web_server.conftest import desk as desk
from integration.web_server.conftest import stopped_web as stopped_web
from integration.web_server.conftest import tenant as tenant
from integration.web_server.conftest import token as token
from integration.web_server.conftest import web as web
from integration.web_server.conftest import web_environment as web_environment
from integration.web_server.web_process import WebProcess

_ROWS = """
SELECT d.name, s.metric, s.labels, (extract(epoch FROM r.ts) * 1000000)::bigint, r.value
FROM sensor_reading r JOIN series s ON s.id = r.series_id AND s.tenant_id = r.tenant_id
JOIN device d ON d.id = s.device_id AND d.tenant_id = s.tenant_id
JOIN tenant t ON t.id = r.tenant_id WHERE t.name = %s
"""


class Row(NamedTuple):
    """A reading as it is stored."""

    device: str
    metric: str
    labels: tuple[tuple[str, str], ...]
    time_us: int
    value: float


StoredRows = Callable[[], list[Row]]


@pytest.fixture
def stored_rows(superuser: Connection, tenant: str) -> StoredRows:
    """Every reading of the tenant as PostgreSQL has it, sorted."""

    def read() -> list[Row]:
        with superuser.cursor() as cursor:
            cursor.execute(_ROWS, [tenant])
            found = cursor.fetchall()
        return sorted(
            Row(device, metric, tuple(sorted(json.loads(labels).items())), time_us, value)
            for device, metric, labels, time_us, value in found
        )

    return read


@pytest.fixture
def proxy(web: WebProcess) -> Iterator[FaultProxy]:
    """In front of the shared server."""

    def kill_workers() -> None:
        for worker in web.workers():
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)

    def restart() -> None:
        web.kill()
        web.start()

    with fault_proxy(web.url, kill_workers, restart) as proxy:
        yield proxy
