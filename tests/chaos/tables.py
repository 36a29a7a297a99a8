"""Reads the tables as they are."""

from __future__ import annotations

from typing import Any, Final

import psycopg2

from chaos.slices import Target

CONNECT_TIMEOUT_S: Final = 5


def read(target: Target, sql: str, params: Any = ()) -> list[tuple[Any, ...]]:
    """Rows, over a connection of its own. Raises psycopg2.Error."""
    connection = psycopg2.connect(target.superuser_url, connect_timeout=CONNECT_TIMEOUT_S)
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall()
    finally:
        connection.close()
