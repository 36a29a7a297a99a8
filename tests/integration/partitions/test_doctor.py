"""What doctor says of partitions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from adapters.django_orm.partitions import PartitionReadiness
from domain.telemetry.partitions import month_after
from integration.partitions.writing import asked, ensure

NOW = datetime.now(UTC).replace(day=15)


@pytest.mark.promise("G6")
def test_names_the_months_that_are_missing(owner: Connection, app_role: Connection) -> None:
    check = PartitionReadiness(now=lambda: NOW)
    following = month_after(NOW.replace(day=1))
    problem = (
        f"{NOW:%Y-%m} and {following:%Y-%m} have no partition yet; "
        "run holdwater partitions ensure, and see that a scheduler runs"
    )
    assert (check().required, check().problem) == (False, problem)
    ensure(NOW)
    assert (check().problem or "").startswith(f"{following:%Y-%m} has no partition yet")
    ensure(following)
    assert check().problem is None
    assert len(asked(owner, "SELECT * FROM reading_partitions()")) == 2
