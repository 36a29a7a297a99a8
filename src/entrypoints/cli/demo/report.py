"""What the demo found: the figures, and the checks that decide its exit status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from rich.console import Console
from rich.table import Table

from entrypoints.cli.demo.api_client import ApiClient
from entrypoints.cli.demo.purchases import Purchase, total_of
from entrypoints.cli.demo.workload import Tally

PAGE: Final = 500
STREAMS_SAMPLED: Final = 50


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the service says that it holds, read back page by page."""

    orders: int
    total: Decimal
    events: int
    streams_wrong: int


def read_back(client: ApiClient) -> Ledger:
    """Walk the list of orders to its end; compare the streams of some with their versions (promise L4)."""
    orders, total, events, streams_wrong = 0, Decimal("0.00"), 0, 0
    sampled = 0
    for page in client.pages(f"/v1/orders?limit={PAGE}"):
        for order in page:
            orders += 1
            total += Decimal(order["total"])
            events += order["version"]
        for order in page[:: max(1, PAGE // 4)]:
            if sampled < STREAMS_SAMPLED:
                sampled += 1
                stream = client.insist("GET", f"/v1/orders/{order['id']}/events?limit={PAGE}").body["items"]
                streams_wrong += [event["version"] for event in stream] != list(
                    range(1, order["version"] + 1)
                )
    return Ledger(orders, total, events, streams_wrong)


def faults(purchases: Sequence[Purchase], tally: Tally, ledger: Ledger) -> list[str]:
    """Everything that is not as it must be, one sentence each; empty when the demo succeeded."""
    expected = total_of(list(purchases))
    found = [f"{what} ({count} times)" for what, count in tally.faults.items()]
    if tally.placed != len(purchases):
        found.append(f"{len(purchases)} purchases became {tally.placed} orders, as the clients saw it")
    if ledger.orders != len(purchases):
        found.append(f"{len(purchases)} purchases became {ledger.orders} orders, as the list shows them")
    if ledger.total != expected:
        found.append(f"the orders come to {ledger.total} USD, the file to {expected} USD")
    if ledger.events != tally.placed + tally.amended:
        found.append(f"{tally.placed + tally.amended} changes left {ledger.events} events")
    if ledger.streams_wrong:
        found.append(f"{ledger.streams_wrong} streams don't end at their order's version")
    return found


def print_report(
    console: Console,
    purchases: Sequence[Purchase],
    tally: Tally,
    ledger: Ledger,
    seconds: float,
    clients: int,
) -> None:
    """The table."""
    table = Table(title="What happened", show_header=False, title_justify="left", min_width=64)
    table.add_column(style="bold")
    table.add_column(justify="right")
    latencies_ms = sorted(latency * 1000 for latency in tally.latencies_s)
    total = total_of(list(purchases))
    rows = [
        ("purchases in the file", f"{len(purchases):,}"),
        ("orders placed", f"{tally.placed:,}"),
        ("answers replayed from the key's record", f"{tally.replayed:,}"),
        ("twins refused while the first ran (409)", f"{tally.in_progress:,}"),
        ("amendments that won", f"{tally.amended:,}"),
        ("amendments refused as stale (412)", f"{tally.stale:,}"),
        ("orders a second", f"{tally.placed / seconds:,.0f}  ({clients} clients, {seconds:.1f} s)"),
        (
            "POST /v1/orders p50 / p99",
            f"{_quantile(latencies_ms, 0.5):.1f} / {_quantile(latencies_ms, 0.99):.1f} ms",
        ),
        ("order events stored", f"{ledger.events:,}"),
        ("total of the file", f"{total:,} USD"),
        (
            "total of the orders",
            f"{ledger.total:,} USD" + ("  equal" if ledger.total == total else "  DIFFERENT"),
        ),
    ]
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
