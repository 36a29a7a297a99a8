"""A partition that goes while a process still knows it: the batch is tried again, and nothing fails for good."""

from __future__ import annotations

import pytest
from django.db import connections
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from adapters.django_orm.access import DjangoAccessAdministration
from adapters.django_orm.partitions import DjangoPartitionKeeper
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.system_clock import new_id
from application.ports.readings import Written
from application.ports.unit_of_work import TransactionConflict
from builders import a_context
from domain.telemetry.reading import microseconds
from integration.partitions.writing import FEBRUARY, JANUARY, LEAF, asked
from unit.contracts.reading_writer_contract import SECOND, columns_of


@pytest.mark.promise("G6", "W1")
def test_is_made_again(owner: Connection) -> None:
    tenant_id = new_id()
    DjangoAccessAdministration().create_tenant(tenant_id, f"tenant-{tenant_id.hex}")
    context = a_context(tenant_id=tenant_id)
    keeper = DjangoPartitionKeeper()
    months = [microseconds(JANUARY), microseconds(FEBRUARY)]

    def write(first: int) -> Written:
        assert keeper.ensure(months) == {}
        with DjangoUnitOfWork(context) as uow:
            return uow.readings.write(
                columns_of((0, month + first * SECOND, 1.0) for month in months), [first + 1]
            )

    assert write(0) == Written(2, 0, ())
    with owner.cursor() as cursor:
        cursor.execute(f"DROP TABLE {LEAF}")
    with pytest.raises(TransactionConflict):
        write(1)
    assert write(1) == Written(2, 0, ())
    assert asked(owner, "SELECT count(*) FROM sensor_reading") == [(3,)]
    connections.close_all()
