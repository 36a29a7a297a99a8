"""The table of what happened, and the same as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from rich.console import Console
from rich.table import Table

from domain.money import Money
from entrypoints.cli.demo.checks import Books, GatewayBooks
from entrypoints.cli.demo.fulfilment import Fulfilment
from entrypoints.cli.demo.purchases import CURRENCY, Purchase, total_of
from entrypoints.cli.demo.workload import Tally

WIDTH_MIN: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Everything that the demo has seen. `gateway` None: orders are placed, and nothing fulfils them here."""

    purchases: Sequence[Purchase]
    tally: Tally
    books: Books
    seen: Fulfilment
    gateway: GatewayBooks | None
    clients: int
    placing_s: float


def print_report(console: Console, found: Findings) -> None:
    """The table."""
    table = Table(title="What happened", show_header=False, title_justify="left", min_width=WIDTH_MIN)
    table.add_column(style="bold")
    table.add_column(justify="right")
    _add_placing(table, found)
    if found.gateway is not None:
        _add_fulfilment(table, found.books, found.seen)
    _add_money(table, found)
    console.print(table)


def figures(found: Findings) -> dict[str, object]:
    """The same for programs; seconds, and amounts as decimal strings."""
    tally, seen = found.tally, found.seen
    latencies_s = sorted(tally.latencies_s)
    placed: dict[str, object] = {
        "purchases": len(found.purchases),
        "placed": tally.placed,
        "replayed": tally.replayed,
        "in_progress": tally.in_progress,
        "amended": tally.amended,
        "stale": tally.stale,
        "outrun": tally.outrun,
        "clients": found.clients,
        "placing_s": found.placing_s,
        "post_p50_s": _quantile(latencies_s, 0.5),
        "post_p99_s": _quantile(latencies_s, 0.99),
        "order_events": found.books.versions,
        "orders_by_status": dict(found.books.by_status),
        "total_of_the_file": str(total_of(found.purchases)),
        "total_of_its_orders": str(found.books.total),
    }
    if found.gateway is None:
        return placed
    to_confirmation_s = seen.seconds_to_confirmation
    return placed | {
        "paid_again": len(seen.declined),
        "sagas": seen.ended,
        "sagas_s": seen.seconds,
        "confirmation_p50_s": _quantile(to_confirmation_s, 0.5),
        "confirmation_p99_s": _quantile(to_confirmation_s, 0.99),
        "retries": seen.retries,
        "compensations": seen.compensations,
        "parked": seen.parked,
        "captured": str(_sum(found.gateway.captured.values())),
        "voids": found.gateway.voids,
    }


def _add_placing(table: Table, found: Findings) -> None:
    tally, latencies_s = found.tally, sorted(found.tally.latencies_s)
    rate = f"{tally.placed / found.placing_s:,.0f}  ({found.clients} clients, {found.placing_s:.1f} s)"
    table.add_row("purchases in the file", f"{len(found.purchases):,}")
    table.add_row("orders placed, with those for a rarity", f"{tally.placed:,}")
    table.add_row("answers replayed from the key's record", f"{tally.replayed:,}")
    table.add_row("twins refused while the first ran (409)", f"{tally.in_progress:,}")
    table.add_row("amendments that won", f"{tally.amended:,}")
    table.add_row("amendments refused as stale (412)", f"{tally.stale + tally.outrun:,}")
    table.add_row("orders placed a second", rate)
    table.add_row("POST /v1/orders p50 / p99", _quantiles(latencies_s, 1_000, "ms"))
    table.add_row("order events stored", f"{found.books.versions:,}", end_section=True)


def _add_fulfilment(table: Table, books: Books, seen: Fulfilment) -> None:
    rate = f"{seen.ended / seen.seconds if seen.seconds else 0:,.0f}  ({seen.seconds:.1f} s)"
    for status, count in sorted(books.by_status.items(), key=lambda item: -item[1]):
        table.add_row(f"orders {status.replace('_', ' ')}", f"{count:,}")
    table.add_row("paid again after a decline", f"{len(seen.declined):,}")
    table.add_row("sagas a second", rate)
    table.add_row("placing to confirmation p50 / p99", _quantiles(seen.seconds_to_confirmation, 1, "s"))
    table.add_row("tries put off, and tried again", f"{seen.retries:,}")
    table.add_row("sagas undone", f"{seen.compensations:,}")
    table.add_row("steps parked", f"{seen.parked:,}", end_section=True)


def _add_money(table: Table, found: Findings) -> None:
    total = total_of(found.purchases)
    table.add_row("total of the file", f"{total:,} {CURRENCY}")
    table.add_row("total of its orders", _compared(found.books.total, found.books.total == total))
    if found.gateway is not None:
        charged = _sum(found.gateway.captured.values())
        owed = _sum([found.books.totals[order_id] for order_id in found.books.confirmed])
        table.add_row("total of all confirmed orders", f"{owed:,} {CURRENCY}")
        table.add_row("taken by the payment gateway", _compared(charged, charged == owed))


def _compared(amount: Decimal, is_equal: bool) -> str:
    return f"{amount:,} {CURRENCY}  {'equal' if is_equal else 'DIFFERENT'}"


def _sum(amounts: Iterable[Money]) -> Decimal:
    return sum((Decimal(str(amount)) for amount in amounts), Decimal("0.00"))


def _quantiles(ordered: Sequence[float], factor: int, unit: str) -> str:
    found = [_quantile(ordered, share) for share in (0.5, 0.99)]
    return " / ".join("none" if value is None else f"{value * factor:.1f}" for value in found) + f" {unit}"


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
