"""Sagas at the terminal, over PostgreSQL: what is shown, and who repaired what."""

from __future__ import annotations

import getpass
import io
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from rich.console import Console

from adapters.django_orm.saga_repositories import DjangoLateReplies
from adapters.django_orm.saga_views import DjangoSagaViews
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.embedded.postgres_roles import DatabaseUrls
from adapters.system_clock import new_id
from builders import NOON, a_context
from domain.orders.fulfilment import ORDER_FULFILMENT
from domain.saga.saga import Saga
from entrypoints.cli.saga_timeline import lasting, print_sagas, print_timeline
from integration.cli.conftest import Finished, holdwater
from unit.contracts.saga_contract import a_reply
from unit.contracts.saga_views_contract import all_undone, pivot_parked, step_parked, undo_parked

Run = Callable[..., Finished]
LATER = NOON + timedelta(days=4)


@pytest.fixture
def tenant_id(new_tenant: Callable[[], UUID]) -> UUID:
    """A tenant of the test's own."""
    return new_tenant()


@pytest.fixture
def run(database_urls: DatabaseUrls, tenant_id: UUID) -> Run:
    """`run(command, …)`: a command of `sagas` for the tenant, over the test's database."""
    env = {
        "DATABASE_URL": database_urls.app_url,
        "DATABASE_OWNER_URL": database_urls.owner_url,
        "DATABASE_SYSTEM_URL": database_urls.system_url,
        "HOLDWATER_SECRET_KEY": "k" * 50,
        "COLUMNS": "120",
    }
    return lambda *args: holdwater("sagas", *args, "--tenant", f"tenant-{tenant_id.hex}", env=env)


def stored(tenant_id: UUID, history: Callable[[Saga], None]) -> Saga:
    saga = Saga.start(ORDER_FULFILMENT, id=new_id(), subject_id=new_id(), at=NOON)
    history(saga)
    with DjangoUnitOfWork(a_context(tenant_id=tenant_id, actor="saga")) as uow:
        uow.sagas.save(saga)
    return saga


@pytest.mark.timeout(120)
@pytest.mark.promise("S5", "S12")
def test_an_operator_finds_what_is_parked_and_repairs_it_by_name(tenant_id: UUID, run: Run) -> None:
    parked, ended = stored(tenant_id, step_parked), stored(tenant_id, all_undone)
    listed = run("list", "--needs-repair", "--json")
    assert listed.status == 0, listed.stderr
    assert [saga["id"] for saga in listed.json["sagas"]] == [str(parked.id)]
    both = run("list").stdout
    assert str(parked.id) in both
    assert str(ended.id) in both
    shown = run("show", str(parked.subject_id)).stdout
    assert "parked after 20 tries: the same" in shown
    assert f"holdwater sagas retry {parked.id} --tenant … --step notify --reason …" in shown

    given = ("--step", "notify", "--reason", "told by telephone")
    retried = run("retry", str(parked.subject_id), *given, "--operator", "ada")
    assert retried.status == 0, retried.stderr
    assert f"Saga {parked.id} tries notify again, as ada decided; it is running now." in retried.stdout
    again = run("skip", str(parked.id), *given)
    assert again.status != 0
    assert "The step notify isn't parked" in again.stderr
    journal = run("show", str(parked.id), "--json").json["saga"]["journal"]
    assert (journal[-1]["operator"], journal[-1]["actor"], journal[-1]["how"]) == ("ada", "ada", "retry")


@pytest.mark.timeout(120)
@pytest.mark.promise("S6", "S11", "S12")
def test_what_is_undone_bears_the_name_of_who_wanted_it(tenant_id: UUID, run: Run) -> None:
    running, past = stored(tenant_id, lambda saga: None), stored(tenant_id, pivot_parked)
    undone = run("compensate", str(running.id), "--reason", "the customer rang", "--json")
    assert undone.status == 0, undone.stderr
    assert undone.json["saga"]["status"] == "compensating"
    last = DjangoSagaViews().of_id(tenant_id, running.id).journal[-1]
    assert (last.what, last.actor, last.reason) == (
        "compensation_began", getpass.getuser(), "the customer rang",
    )  # fmt: skip
    refused = run("compensate", str(past.id), "--reason", "r")
    assert refused.status != 0
    assert "It can't be called back any more: capture has begun." in refused.stderr
    nobody = run("show", str(new_id()))
    assert nobody.status != 0
    assert "neither a saga nor an order with a saga" in nobody.stderr
    assert run("retry", str(past.id), "--step", "capture").status != 0


@pytest.mark.parametrize("width", [80, 120, 160])
@pytest.mark.promise("S9", "S12")
def test_the_timeline_fits_the_terminal_and_loses_nothing(
    tenant_id: UUID, database_urls: DatabaseUrls, width: int
) -> None:
    saga = stored(tenant_id, undo_parked)
    DjangoLateReplies().keep(tenant_id, a_reply(saga.id))
    view = DjangoSagaViews().of_id(tenant_id, saga.id)
    late = DjangoLateReplies().list(tenant_id, saga_id=saga.id, after=None, limit=10)
    screen = io.StringIO()
    console = Console(width=width, file=screen, highlight=False)
    print_timeline(console, view, late, LATER)
    print_sagas(console, [view], LATER)
    lines = screen.getvalue().splitlines()
    assert max(len(line) for line in lines if "holdwater sagas" not in line) <= width
    assert len([line for line in lines if line.lstrip().startswith("+")]) == len(view.journal)
    text = " ".join(screen.getvalue().split())
    for said in (
        "+1 min 00 s authorise #1 done: pay-1",
        "+3 min 00 s capture #1 refused: expired",
        "what was done is being undone: expired",
        "+4 min 00 s reserve #1 undo: parked after 1 try: refused: locked",
        "An operator has to decide on reserve:",
        "k done",
    ):
        assert said in text, said


def test_times_are_said_in_two_units_at_most() -> None:
    said = [lasting(timedelta(seconds=seconds)) for seconds in (-1, 0.25, 4.25, 125, 3_725, 200_000)]
    assert said == ["0 ms", "250 ms", "4.2 s", "2 min 05 s", "1 h 02 min", "2 d 07 h"]
