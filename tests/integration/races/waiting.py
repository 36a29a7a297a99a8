"""Server processes: which one serves this thread, how to end it, and how to wait until it is gone."""

from __future__ import annotations

import time

from django.db import connections
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from unit.contracts.threads import WAIT_S_MAX

POLL_S = 0.02


def backend_pid(alias: str = "default") -> int:
    """The server process of this thread's connection, which is made if there is none."""
    connections[alias].ensure_connection()
    return int(connections[alias].connection.info.backend_pid)


def terminate(superuser: Connection, pid: int) -> None:
    """End a server process and wait until it is gone."""
    with superuser.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", (pid,))
    wait_until_gone(superuser, pid)


def wait_until_gone(superuser: Connection, pid: int) -> None:
    """Wait until a server process has ended, WAIT_S_MAX seconds at most."""
    deadline = time.monotonic() + WAIT_S_MAX
    while True:
        with superuser.cursor() as cursor:
            cursor.execute("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)", (pid,))
            if cursor.fetchone() == (False,):
                return
        assert time.monotonic() < deadline, f"server process {pid} is still there"
        time.sleep(POLL_S)
