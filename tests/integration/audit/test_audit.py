"""The audit finds nothing where everything is in order, and names each thing that was changed by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from adapters.audit.audit import PostgresAuditor
from adapters.audit.fold import DELETION
from adapters.audit.tables import CHILD_TABLES, NOT_COMPARED
from adapters.audit.tables import TABLES as AUDITED
from adapters.django_orm.access import DjangoAccessAdministration
from adapters.django_orm.migrations._access_0001 import TENANT_TABLES
from adapters.embedded.postgres_roles import DatabaseUrls
from adapters.memory.payment_gateway import InMemoryPaymentGateway
from adapters.system_clock import new_id
from application.ports.audit import NO_GATEWAY, AuditImpossible, AuditReport
from application.ports.payment_gateway import GatewayUnavailable, LedgerEntry, PaymentLedger
from domain.money import Money
from integration.audit.damages import DAMAGES
from integration.audit.workload import Workload
from integration.fulfilling import FulfilmentHouse, now

TABLES = (
    "event", "product", "stock_item", "stock_reservation", "customer_order", "order_line", "payment",
    "refund_payment", "saga", "device", "intake",
)  # fmt: skip


@pytest.fixture(scope="module")
def workload(database_urls: DatabaseUrls) -> Workload:
    """One tenant's, which the tests here share: who changes a row has it put back."""
    tenant_id = new_id()
    DjangoAccessAdministration().create_tenant(tenant_id, f"tenant-{tenant_id.hex}")
    return Workload(tenant_id)


@pytest.fixture
def damage(workload: Workload, superuser: Connection) -> Iterator[Callable[..., None]]:
    """Runs SQL as a superuser, which nothing stops; afterwards the tenant's rows are as they were."""
    with superuser.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # foreign keys stand back too
        for table in TABLES:
            cursor.execute(
                f"CREATE TEMP TABLE {table}_before AS SELECT * FROM public.{table} WHERE tenant_id = %s",
                (workload.tenant_id,),
            )

        def run(sql: str, **params: object) -> None:
            cursor.execute(sql, {"tenant": workload.tenant_id, **params})
            assert cursor.rowcount > 0, "nothing was damaged"

        yield run
        for table in TABLES:
            cursor.execute(f"DELETE FROM public.{table} WHERE tenant_id = %s", (workload.tenant_id,))
            cursor.execute(f"INSERT INTO public.{table} SELECT * FROM {table}_before")


def audited(urls: DatabaseUrls, workload: Workload, ledger: PaymentLedger | None) -> AuditReport:
    """What an audit of the tenant finds."""
    return PostgresAuditor(urls.system_url, ledger).audit(workload.tenant_id)


@dataclass(frozen=True)
class WrittenLedger:
    """Says what a test wants."""

    written: Sequence[LedgerEntry]

    def entries(self) -> Iterator[LedgerEntry]:
        """See the port."""
        yield from self.written


class BusyLedger:
    """Before it is read, and while it is read, business goes on."""

    def __init__(self, workload: Workload, *, times: int) -> None:
        self._workload, self._times = workload, times
        self._capturing = workload.start_capturing()

    def entries(self) -> Iterator[LedgerEntry]:
        """See the port."""
        if self._times > 0:
            self._times -= 1
            self._workload.place_and_fulfil()
            self._workload.finish(self._capturing)
        yield from self._workload.gateway.entries()
        if self._times > 0:
            self._workload.place_and_fulfil()


class ClosedLedger:
    """Its gateway is away."""

    def entries(self) -> Iterator[LedgerEntry]:
        """See the port."""
        raise GatewayUnavailable(problem="no connection")


def purged_payments(superuser: Connection, workload: Workload) -> list[tuple[str, str]]:
    """Method and status of what was paid for the order that is purged."""
    with superuser.cursor() as cursor:
        cursor.execute(
            "SELECT p.method, p.status FROM payment p JOIN customer_order o ON o.id = p.order_id"
            " WHERE o.id = %s AND o.purged_at IS NOT NULL",
            (workload.purged_with_payment,),
        )
        return cursor.fetchall()


class TestTheTables:
    @pytest.mark.promise("E9")
    def test_are_compared_in_every_column(self, superuser: Connection) -> None:
        compared = {
            **{table.name: {"id", *table.columns} for table in AUDITED},
            **{
                table.name: {
                    table.owner,
                    table.key,
                    *table.columns,
                    *(DELETION if table.bears_deletion else ()),
                }
                for table in CHILD_TABLES
            },
        }
        with superuser.cursor() as cursor:
            cursor.execute(
                "SELECT table_name, array_agg(column_name::text) FROM information_schema.columns"
                " WHERE table_schema = 'public' AND table_name = ANY(%s) GROUP BY 1",
                (list(compared),),
            )
            columns = {
                name: set(found) - {"tenant_id"} - NOT_COMPARED.get(name, frozenset())
                for name, found in cursor.fetchall()
            }
        assert compared == columns
        assert {*compared, "event"} == set(TABLES)

    @pytest.mark.promise("E9")
    def test_are_all_those_that_hold_state(self) -> None:
        others = {"access_token", "idempotency_record", "message", "late_reply"}
        readings = {
            "series",
            "telemetry_setting",
            "sensor_reading",
            "dirty_mark",
            "latest_reading",
            "rejected_reading",
            "intake_body",
        }
        assert set(TENANT_TABLES) - others - readings == set(TABLES)


class TestWhereAllIsInOrder:
    @pytest.mark.promise("E9", "M1", "M2", "D7")
    def test_nothing_is_found_and_orders_in_flight_are_told_apart(
        self, workload: Workload, database_urls: DatabaseUrls, superuser: Connection
    ) -> None:
        report = audited(database_urls, workload, workload.gateway)
        assert [difference.sentence for difference in report.differences] == []
        assert (report.is_clean, report.is_complete, report.ledger_not_asked) == (True, True, None)
        # The declined one waits for a further try; the others' money has moved, and their sagas don't know it yet.
        assert report.in_flight_count == 3
        assert set(report.ahead) == {str(workload.capturing), str(workload.refunding)}
        assert {name: count for name, count in report.checked.items() if count == 0} == {}
        assert (
            report.checked["customer_order rows"]
            == report.checked["orders against their money"]
            == len(workload.house.sagas) + 1
        )
        assert purged_payments(superuser, workload) == [("redacted", "captured")]
        assert workload.order(workload.paid).status.value == "confirmed"
        assert workload.order(workload.compensated).status.value == "cancelled"

    @pytest.mark.promise("M1")
    def test_what_happens_while_it_looks_is_no_difference(
        self, workload: Workload, database_urls: DatabaseUrls
    ) -> None:
        report = audited(database_urls, workload, BusyLedger(workload, times=3))
        assert [difference.sentence for difference in report.differences] == []
        assert report.is_complete

    def test_and_the_gateway_is_away_or_not_there_that_is_told(
        self, workload: Workload, database_urls: DatabaseUrls
    ) -> None:
        alone = audited(database_urls, workload, None)
        assert (alone.is_clean, alone.is_complete, alone.ledger_not_asked) == (True, True, NO_GATEWAY)
        away = audited(database_urls, workload, ClosedLedger())
        assert (away.is_clean, away.is_complete) == (True, False)
        assert away.ledger_not_asked is not None
        assert "no connection" in away.ledger_not_asked

    def test_charges_of_other_tenants_are_none_of_ones_own(
        self, workload: Workload, other_tenant_id: UUID, database_urls: DatabaseUrls
    ) -> None:
        gateway = InMemoryPaymentGateway(now=now)
        other = FulfilmentHouse(other_tenant_id, gateway, on_hand=1)
        other.advance(other.place("tok_visa"))
        both = WrittenLedger([*workload.gateway.entries(), *gateway.entries()])
        assert audited(database_urls, workload, both).difference_count == 0

    @pytest.mark.promise("A1")
    def test_the_application_role_is_refused_since_it_would_see_nothing(
        self, workload: Workload, database_urls: DatabaseUrls
    ) -> None:
        with pytest.raises(AuditImpossible, match="set DATABASE_SYSTEM_URL"):
            PostgresAuditor(database_urls.app_url, None).audit()


class TestDamageByHand:
    @pytest.mark.promise("E9", "M1", "M2")
    @pytest.mark.parametrize("name", DAMAGES)
    def test_to_rows_and_events_is_named(
        self, name: str, workload: Workload, database_urls: DatabaseUrls, damage: Callable[..., None]
    ) -> None:
        sql, expected = DAMAGES[name]
        ids = {
            **{
                at: getattr(workload, at)
                for at in ("paid", "declined", "deleted", "purged", "capturing", "refunded")
            },
            "product": workload.house.product.id,
        }
        damage(sql, **ids)
        report = audited(database_urls, workload, workload.gateway)
        named = {tuple(part % ids if "%(" in part else part for part in each) for each in expected}
        found = {(d.check, d.kind, d.field, d.expected, d.found) for d in report.differences}
        assert {_as_told(each, named) for each in found} == named
        assert report.difference_count == len(report.differences)
        assert {difference.tenant for difference in report.differences} <= {
            f"tenant-{workload.tenant_id.hex}",
            "(no tenant)",
        }

    @pytest.mark.promise("M1")
    @pytest.mark.parametrize(
        "name", ["without an order", "twice", "not at all", "too much", "other money", "let go", "given back"]
    )
    def test_to_the_ledger_is_named(self, name: str, workload: Workload, database_urls: DatabaseUrls) -> None:
        entries = list(workload.gateway.entries())
        (paid,) = (entry for entry in entries if entry.order_id == workload.paid)
        others = [entry for entry in entries if entry is not paid]
        half = Money(210, "EUR")
        written, expected = {
            "without an order": (
                [paid, dataclasses.replace(paid, order_id=new_id(), payment_id="pay_x")],
                {("charge without an order, payment pay_x", "an order")},
            ),
            "twice": (
                [paid, dataclasses.replace(paid, payment_id="pay_x")],
                {("payment pay_x", "none"), ("charged", "once"), ("captured", "420 EUR")},
            ),
            "not at all": ([], {("payment pay_1", "420 EUR captured"), ("captured", "420 EUR")}),
            "too much": (
                [dataclasses.replace(paid, authorised=Money(840, "EUR"), captured=Money(840, "EUR"))],
                {
                    ("payment pay_1 authorised", "420"),
                    ("payment pay_1 captured", "420"),
                    ("captured", "420 EUR"),
                },
            ),
            "other money": (
                [
                    dataclasses.replace(
                        paid,
                        authorised=Money(420, "USD"),
                        captured=Money(420, "USD"),
                        refunded=Money(0, "USD"),
                    )
                ],
                {("payment pay_1 currency", "EUR")},
            ),
            "let go": (
                [dataclasses.replace(paid, captured=Money(0, "EUR"), voided=True)],
                {("payment pay_1 captured", "420"), ("payment pay_1 voided", "no"), ("captured", "420 EUR")},
            ),
            "given back": (
                [dataclasses.replace(paid, refunded=half)],
                {("payment pay_1 refunded", "0")},
            ),
        }[name]
        report = audited(database_urls, workload, WrittenLedger([*others, *written]))
        assert {(d.field, d.expected) for d in report.differences} == expected
        assert {d.check for d in report.differences} == {"M1"}
        assert report.is_complete

    @pytest.mark.promise("M1")
    def test_is_no_excuse_that_an_order_is_in_flight(
        self, workload: Workload, database_urls: DatabaseUrls
    ) -> None:
        entries = list(workload.gateway.entries())
        changed = [
            dataclasses.replace(entry, captured=Money(entry.captured.minor // 2, "EUR"))
            if entry.order_id == workload.capturing
            else entry
            for entry in entries
        ]
        report = audited(database_urls, workload, WrittenLedger(changed))
        assert {d.field.partition(" ")[0] for d in report.differences} == {"payment", "captured"}
        assert {d.id for d in report.differences} == {str(workload.capturing)}


def _as_told(found: tuple[str, ...], named: set[tuple[str, ...]]) -> tuple[str, ...]:
    """The expectation that it meets, where "*" is anything; itself if there is none."""
    for each in named:
        if all(wanted in ("*", is_so) for wanted, is_so in zip(each, found, strict=True)):
            return each
    return found
