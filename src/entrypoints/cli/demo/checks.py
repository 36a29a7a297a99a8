"""What the service and the gateway hold at the end, and whether it is what the file says: the demo's exit status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final
from uuid import UUID

from application.ports.payment_gateway import Operation, PaymentLedger
from domain.event import Event
from domain.money import Money
from domain.orders.events import (
    OrderAmended,
    OrderCancelled,
    OrderConfirmed,
    OrderPaymentDeclined,
    OrderPaymentTriedAgain,
    OrderPlaced,
)
from entrypoints.cli.demo.api_client import ApiClient, UnexpectedReply
from entrypoints.cli.demo.fulfilment import Fulfilment
from entrypoints.cli.demo.purchases import (
    BUYER_PREFIX,
    CURRENCY,
    ORDERS_OF_RARITY,
    PIECES_OF_RARITY,
    RARITY,
    TITLES,
    Purchase,
    total_of,
)
from entrypoints.cli.demo.workload import Tally

PAGE: Final = 500
STREAMS_SAMPLED: Final = 50


@dataclass
class Books:
    """What the service says that it holds, read back page by page. `total`: of the orders of the file."""

    total: Decimal = Decimal("0.00")
    versions: int = 0
    streams_wrong: int = 0
    by_status: Counter[str] = field(default_factory=Counter)
    of_the_file: Counter[str] = field(default_factory=Counter)
    """Orders of the file, by status."""
    totals: dict[UUID, Money] = field(default_factory=dict)
    """Of each order."""
    confirmed: set[UUID] = field(default_factory=set)
    stock: dict[str, dict[str, int]] = field(default_factory=dict)
    """By SKU: what is on hand, reserved and sold."""


@dataclass
class GatewayBooks:
    """What the payment gateway says of these orders."""

    captured: dict[UUID, Money] = field(default_factory=dict)
    charged_twice: int = 0
    left_set_aside: int = 0
    """Authorised, and neither captured nor voided."""
    voids: int = 0


def read_back(client: ApiClient, skus: Sequence[str]) -> Books:
    """Walk the list of orders to its end; compare the streams of some with their versions (promise L4)."""
    books, sampled = Books(), 0
    for page in client.pages(f"/v1/orders?limit={PAGE}"):
        for order in page:
            order_id = UUID(order["id"])
            books.versions += order["version"]
            books.by_status[order["status"]] += 1
            books.totals[order_id] = Money.parse(order["total"], order["currency"])
            if order["status"] == "confirmed":
                books.confirmed.add(order_id)
            if order["customer_ref"].startswith(BUYER_PREFIX):
                books.total += Decimal(order["total"])
                books.of_the_file[order["status"]] += 1
        for order in page[:: max(1, PAGE // 4)]:
            if sampled < STREAMS_SAMPLED:
                sampled += 1
                stream = client.insist("GET", f"/v1/orders/{order['id']}/events?limit={PAGE}").body["items"]
                books.streams_wrong += [event["version"] for event in stream] != list(
                    range(1, order["version"] + 1)
                )
    for sku in skus:
        path = f"/v1/products/{sku}/stock"
        reply = client.insist("GET", path)
        if reply.status != 200:
            raise UnexpectedReply("GET", path, reply)
        books.stock[sku] = {name: reply.body[name] for name in ("on_hand", "reserved", "sold")}
    return books


def read_gateway(ledger: PaymentLedger, books: Books) -> GatewayBooks:
    """The gateway's books, of the orders of `books` alone. Raises GatewayUnavailable, GatewayRefused."""
    found = GatewayBooks()
    for entry in ledger.entries():
        if entry.order_id not in books.totals:
            continue
        found.voids += sum(effect.operation is Operation.VOID for effect in entry.effects)
        if entry.captured.minor:
            found.charged_twice += entry.order_id in found.captured
            found.captured[entry.order_id] = entry.captured
        elif entry.authorised.minor and not entry.voided:
            found.left_set_aside += 1
    return found


def faults_of_placing(purchases: Sequence[Purchase], tally: Tally, books: Books) -> list[str]:
    """Everything about the orders that is not as it must be, one sentence each."""
    expected, placed = total_of(purchases), len(purchases) + ORDERS_OF_RARITY
    found = [f"{what} ({count} times)" for what, count in tally.faults.items()]
    if tally.placed != placed:
        found.append(f"{placed} wishes became {tally.placed} orders, as the clients saw it")
    if books.of_the_file.total() != len(purchases):
        found.append(
            f"{len(purchases)} purchases became {books.of_the_file.total()} orders, as the list shows them"
        )
    if len(books.totals) != placed:
        found.append(f"{placed} wishes became {len(books.totals)} orders, as the list shows them")
    if books.total != expected:
        found.append(f"the orders come to {books.total} {CURRENCY}, the file to {expected} {CURRENCY}")
    if books.streams_wrong:
        found.append(f"{books.streams_wrong} streams don't end at their order's version")
    return found


def faults_of_events(
    purchases: Sequence[Purchase], tally: Tally, books: Books, seen: Fulfilment, *, is_fulfilled: bool
) -> list[str]:
    """The log must hold what the clients did, and what the file and the payment methods make of it; nothing else."""
    declined = sum(purchase.is_declined for purchase in purchases) if is_fulfilled else 0
    expected: dict[type[Event], int] = {OrderPlaced: tally.placed, OrderAmended: tally.amended}
    if is_fulfilled:
        expected |= {
            OrderConfirmed: len(purchases) + PIECES_OF_RARITY,
            OrderCancelled: ORDERS_OF_RARITY - PIECES_OF_RARITY,
            OrderPaymentDeclined: declined,
            OrderPaymentTriedAgain: declined,
        }
    found = [
        f"there are {seen.order_events[event]} events {event.wire_name}, not {expected.get(event, 0)}"
        for event in {**expected, **seen.order_events}
        if seen.order_events[event] != expected.get(event, 0)
    ]
    if books.versions != seen.order_events.total():
        found.append(f"{seen.order_events.total()} events left orders at {books.versions} versions")
    return found


def faults_of_fulfilment(
    purchases: Sequence[Purchase], books: Books, gateway: GatewayBooks, seen: Fulfilment
) -> list[str]:
    """What is not confirmed or cancelled, sold, charged or given back as it must be (M1, M2)."""
    found = []
    if seen.parked:
        found.append(f"{seen.parked} steps are parked")
    if seen.ended != seen.started:
        found.append(f"{seen.started - seen.ended} sagas have not ended; see `holdwater status`")
    if books.of_the_file != {"confirmed": len(purchases)}:
        found.append(f"the file's orders are {_listed(books.of_the_file)}, not all confirmed")
    others = books.by_status - books.of_the_file
    expected = Counter(confirmed=PIECES_OF_RARITY, cancelled=ORDERS_OF_RARITY - PIECES_OF_RARITY)
    if others != expected:
        found.append(f"the orders of the rarity are {_listed(others)}, not {_listed(expected)}")
    received = pieces_of(purchases)
    for sku, held in books.stock.items():
        if held != {"on_hand": 0, "reserved": 0, "sold": received[sku]}:
            found.append(f"of {received[sku]} pieces of {sku} {_listed(held)}, not all sold")
    wanted = {
        order_id: total
        for order_id, total in books.totals.items()
        if order_id in books.confirmed and total.minor
    }
    if gateway.captured != wanted:
        differing = {*gateway.captured.items()} ^ {*wanted.items()}
        found.append(
            f"{len({order_id for order_id, _ in differing})} orders are charged with what is not theirs"
        )
    if gateway.charged_twice:
        found.append(f"{gateway.charged_twice} orders are charged twice")
    if gateway.left_set_aside:
        found.append(f"{gateway.left_set_aside} payments were neither taken nor let go")
    if gateway.voids != ORDERS_OF_RARITY - PIECES_OF_RARITY:
        found.append(f"{gateway.voids} payments were let go, not {ORDERS_OF_RARITY - PIECES_OF_RARITY}")
    return found


def pieces_of(purchases: Sequence[Purchase]) -> Counter[str]:
    """What has to be received so that every purchase can be fulfilled, by SKU; of the rarity there is too little."""
    pieces = Counter(purchase.title for purchase in purchases)
    pieces[RARITY] = PIECES_OF_RARITY
    return Counter({sku: pieces[sku] for sku in (*TITLES, RARITY) if pieces[sku]})


def _listed(counts: Counter[str] | dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items())) or "none"
