"""`sagas`: how orders are fulfilled, step by step, and what an operator does where that got stuck."""

from __future__ import annotations

import dataclasses
import getpass
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import typer

from application.ports.saga_views import SagaFilter, SagaJournalView, SagaView
from application.ports.unit_of_work import CommandContext
from application.sagas.repair_saga import CompensateSaga, RetrySagaStep, SkipSagaStep
from domain.access import OWNER_LENGTH_MAX
from domain.errors import NotFound
from domain.saga.progress import SagaStatus
from domain.text import require_text
from entrypoints.cli.errors import CommandFailed
from entrypoints.cli.running import environment_of
from entrypoints.cli.saga_timeline import print_sagas, print_timeline, what_is_next
from entrypoints.cli.state import STATE_DIR_DEFAULT, AsJson, StateDir, out, print_json
from entrypoints.cli.wiring import wired
from entrypoints.container import Container

LISTED_MAX: Final = 500

sagas = typer.Typer(
    name="sagas", help="Sagas: how orders are fulfilled, and what got stuck.", no_args_is_help=True
)

Tenant = Annotated[str, typer.Option(help="Of which tenant.")]
SagaOrOrder = Annotated[UUID, typer.Argument(help="Its id, or its order's.", metavar="ID")]
Step = Annotated[str, typer.Option(help="The parked step, as `sagas show` names it.")]
Reason = Annotated[str, typer.Option(help="Why, for those who read the journal later.")]
Operator = Annotated[
    str | None, typer.Option(help="Who decides, for the journal; left out: this system's user.")
]


@sagas.command("list")
def list_sagas(
    tenant: Tenant,
    status: Annotated[SagaStatus | None, typer.Option(help="Only those with this status.")] = None,
    needs_repair: Annotated[
        bool, typer.Option("--needs-repair", help="Only those with a parked step.")
    ] = False,
    after: Annotated[UUID | None, typer.Option(help="Only those after this one, to go on.")] = None,
    state_dir: StateDir = STATE_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """List up to 500 sagas, oldest first.

    Example: holdwater sagas list --tenant acme --needs-repair
    """
    container, tenant_id = _of(tenant, state_dir)
    wanted = SagaFilter(status=status, needs_repair=True if needs_repair else None)
    found = container.saga_views().list(tenant_id, wanted, after=after, limit=LISTED_MAX)
    if as_json:
        print_json(sagas=[dataclasses.asdict(saga) for saga in found])
    elif found:
        print_sagas(out, found, container.now()())
    else:
        out.print("There is no such saga.")


@sagas.command("show")
def show_saga(
    id: SagaOrOrder, tenant: Tenant, state_dir: StateDir = STATE_DIR_DEFAULT, as_json: AsJson = False
) -> None:
    """Show everything that happened to a saga, and what it waits for.

    Example: holdwater sagas show 01a20d1b-cdf6-72ed-b538-1c02f61e6c7d --tenant acme
    """
    container, tenant_id = _of(tenant, state_dir)
    saga = _found(container, tenant_id, id)
    late = container.late_replies().list(tenant_id, saga_id=saga.id, after=None, limit=LISTED_MAX)
    if as_json:
        print_json(saga=dataclasses.asdict(saga), late_replies=[dataclasses.asdict(reply) for reply in late])
    else:
        print_timeline(out, saga, late, container.now()())


@sagas.command("retry")
def retry_step(
    id: SagaOrOrder,
    tenant: Tenant,
    step: Step,
    reason: Reason,
    operator: Operator = None,
    state_dir: StateDir = STATE_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Let a parked step be tried again at once.

    Example: holdwater sagas retry ID --tenant acme --step capture --reason "the gateway is back"
    """
    _repair(_Order(id, tenant, operator, state_dir, as_json), reason, step, RetrySagaStep)


@sagas.command("skip")
def skip_step(
    id: SagaOrOrder,
    tenant: Tenant,
    step: Step,
    reason: Reason,
    operator: Operator = None,
    state_dir: StateDir = STATE_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Take a parked step as carried out, or as undone, since somebody saw to it by hand.

    Example: holdwater sagas skip ID --tenant acme --step notify --reason "told by telephone"
    """
    _repair(_Order(id, tenant, operator, state_dir, as_json), reason, step, SkipSagaStep)


@sagas.command("compensate")
def compensate(
    id: SagaOrOrder,
    tenant: Tenant,
    reason: Reason,
    operator: Operator = None,
    state_dir: StateDir = STATE_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Undo what was done, and cancel the order then; possible until the money is being taken.

    Example: holdwater sagas compensate ID --tenant acme --reason "the customer rang"
    """
    _repair(_Order(id, tenant, operator, state_dir, as_json), reason, "", CompensateSaga)


@dataclasses.dataclass(frozen=True, slots=True)
class _Order:
    """What every repair is given."""

    id: UUID
    tenant: str
    operator: str | None
    state_dir: Path
    as_json: bool


def _repair(
    given: _Order, reason: str, step: str, how: type[RetrySagaStep | SkipSagaStep | CompensateSaga]
) -> None:
    operator = given.operator or _user()
    require_text("operator", operator, length_max=OWNER_LENGTH_MAX)
    container, tenant_id = _of(given.tenant, given.state_dir)
    saga_id = _found(container, tenant_id, given.id).id
    command: RetrySagaStep | SkipSagaStep | CompensateSaga
    if issubclass(how, CompensateSaga):
        command, done = CompensateSaga(saga_id=saga_id, expected_version=None, reason=reason), "is undone"
    else:
        command = how(saga_id=saga_id, expected_version=None, step=step, operator=operator, reason=reason)
        done = f"tries {step} again" if how is RetrySagaStep else f"takes {step} as seen to"
    cause = str(container.new_id()())
    context = CommandContext(tenant_id=tenant_id, actor=operator, correlation_id=cause, causation_id=cause)
    repaired: SagaView = container.repair_saga().handle(command, context).result
    if given.as_json:
        print_json(saga=dataclasses.asdict(repaired))
    else:
        out.print(f"Saga {saga_id} {done}, as {operator} decided; it is {repaired.status} now.", markup=False)
        out.print(what_is_next(repaired, container.now()()), markup=False)


def _of(tenant: str, state_dir: Path) -> tuple[Container, UUID]:
    container = wired(environment_of(state_dir))
    return container, container.access_administration().tenant_id(tenant)


def _found(container: Container, tenant_id: UUID, id: UUID) -> SagaJournalView:
    """By its own id, or its order's."""
    views = container.saga_views()
    for ask in (views.of_id, views.of_subject):
        try:
            found: SagaJournalView = ask(tenant_id, id)
        except NotFound:
            continue
        return found
    raise CommandFailed(f"neither a saga nor an order with a saga has the id {id}; see `sagas list`")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise CommandFailed("this system's user has no name: say who decides with --operator") from None
