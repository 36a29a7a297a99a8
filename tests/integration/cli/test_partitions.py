"""`partitions`."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain.telemetry.partitions import months_ahead
from integration.cli.conftest import Stack

pytestmark = [pytest.mark.timeout(200), pytest.mark.promise("G6")]


def test_are_made_listed_and_dropped(stack: Stack) -> None:
    months = [f"{month:%Y-%m}" for month in months_ahead(datetime.now(UTC))]
    assert stack.holdwater("partitions", "ensure", "--json").json["months"] == months
    listed = stack.holdwater("partitions", "list", "--json").json["partitions"]
    ahead = [each for each in listed if each["name"][-7:].replace("_", "-") in months]
    assert [each["marks"] for each in ahead] == [0, 0, 0]
    assert "sensor_reading_" in stack.holdwater("partitions", "list").stdout
    kept = stack.holdwater("partitions", "drop-expired")
    assert kept.status == 1
    assert "set HOLDWATER_RAW_RETENTION_DAYS" in kept.stderr
    dry = stack.holdwater("partitions", "drop-expired", "--keep-days", "1", "--dry-run", "--json").json
    assert set(months).isdisjoint(name[-7:].replace("_", "-") for name in dry["dropped"])
    dropped = stack.holdwater("partitions", "drop-expired", "--keep-days", "36500", "--json").json
    assert (dropped["dropped"], dropped["complete"]) == ([], True)
    checks = stack.holdwater("doctor", "--json").json["checks"]
    assert {"name": "partitions", "required": False, "problem": None} in checks
