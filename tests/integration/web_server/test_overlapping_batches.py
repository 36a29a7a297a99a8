"""Four clients with overlapping batches over the same series in opposite orders, against the real server."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from integration.web_server.web_process import WebProcess

SECONDS: Final = float(os.environ.get("HOLDWATER_OVERLAP_S", "5"))
"""How long they send; a minute and more by hand."""
CLIENTS: Final = 4
SERIES: Final = 50
BATCH_SLOTS: Final = 20
STEP: Final = 5
"""Slots from one batch to the next: each reading is in four batches of each client."""
FIRST: Final = datetime(2026, 10, 31, 23, tzinfo=UTC)
"""Shortly before a month ends."""


def value_of(series: int, slot: int) -> float:
    """The same whoever sends it."""
    return (series * 31 + slot * 7) % 997 / 4


@pytest.mark.timeout(300)
@pytest.mark.promise("W1", "W2")
def test_no_deadlock_reaches_them_and_nothing_is_lost_or_doubled(
    web: WebProcess, token: str, tenant: str, superuser: Connection
) -> None:
    sent: set[tuple[int, int]] = set()
    accepted = [0] * CLIENTS
    batches = [0] * CLIENTS
    refusals: list[Any] = []
    until = time.monotonic() + SECONDS
    lock = threading.Lock()

    def run(number: int) -> None:
        dice = random.Random(number)
        begin = 0
        while time.monotonic() < until:
            keys = [
                (series, begin + slot + dice.randrange(3))
                for series in range(SERIES)
                for slot in range(BATCH_SLOTS)
            ]
            keys.sort(reverse=bool(number % 2))
            body = [
                {
                    "device": f"pump-{series}",
                    "metric": "temperature",
                    "ts": (FIRST + slot * timedelta(seconds=30)).isoformat(),
                    "value": value_of(series, slot),
                }
                for series, slot in keys
            ]
            answer = web.request(
                "POST",
                "/v1/readings",
                body=json.dumps(body).encode(),
                headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            )
            if answer.status != 200 or answer.json()["conflict"]:
                refusals.append((answer.status, answer.data[:300]))
                return
            accepted[number] += answer.json()["accepted"]
            with lock:
                sent.update(keys)
            begin += STEP
            batches[number] += 1

    threads = [threading.Thread(target=run, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS + 60)
    assert refusals == []
    with superuser.cursor() as cursor:
        cursor.execute(
            "SELECT d.name, r.ts, r.value FROM sensor_reading r JOIN series s ON s.id = r.series_id"
            " JOIN device d ON d.tenant_id = s.tenant_id AND d.id = s.device_id"
            " JOIN tenant t ON t.id = r.tenant_id WHERE t.name = %s",
            [tenant],
        )
        rows = cursor.fetchall()
    stored = {
        (int(name.removeprefix("pump-")), (at - FIRST) // timedelta(seconds=30)): value
        for name, at, value in rows
    }
    assert stored == {key: value_of(*key) for key in sent}
    assert len(rows) == len(stored) == sum(accepted)
    print(
        f"\n{len(rows):,} readings stored once, of {sum(batches):,} batches by {CLIENTS} clients, {SECONDS:g} s"
    )
