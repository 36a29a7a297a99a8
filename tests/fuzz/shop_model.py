"""What the service promises, as a plain model: a shop in dictionaries that shares no code with src.

`Shop.expect` says how a request must be answered; `Shop.note` takes from the answer what only the service can
know (ids and times). COMMANDS is the table of what the shop can do: a new operation is one more line there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Fields = dict[str, Any]
DECIMALS = {"EUR": 2, "JPY": 0, "KWD": 3}
TOTAL_MINOR_MAX = 10**15


@dataclass(frozen=True)
class Request:
    """One command. `target` is a SKU or an order's id; `if_match` None means no such header, as does `key`."""

    command: str
    target: str
    body: Fields
    if_match: str | None = None
    key: str | None = None

    @property
    def fingerprint(self) -> str:
        """What makes two requests the same under one key."""
        return json.dumps([self.command, self.target, self.body], sort_keys=True)


@dataclass
class Thing:
    """A product, its stock, or an order: every view that there was of it, the latest last."""

    history: list[Fields] = field(default_factory=list)
    event_types: list[str] = field(default_factory=list)

    @property
    def now(self) -> Fields:
        """As it stands."""
        return self.history[-1]

    @property
    def tag(self) -> str:
        """Its entity tag."""
        return f'"{self.now["id"]}-{self.now["version"]}"'


@dataclass(frozen=True)
class Refusal:
    """Refused; `is_final` says that its key keeps it. `tag` is the ETag that comes with it."""

    status: int
    code: str
    is_final: bool = False
    tag: str | None = None


@dataclass(frozen=True)
class Change:
    """Done; `fields` are those of the view that the shop knows, `event` the type of what happened, if anything."""

    thing: Thing
    fields: Fields
    event: str | None


@dataclass(frozen=True)
class Replay:
    """The very answer that was given first."""

    answer: Any


Expected = Refusal | Change | Replay


class Shop:
    """Everything that one tenant has."""

    def __init__(self) -> None:
        self.products: dict[str, Thing] = {}
        self.stock: dict[str, Thing] = {}
        self.orders: list[Thing] = []
        self.kept: dict[str, tuple[str, Any]] = {}

    def order(self, order_id: str) -> Thing | None:
        """The order with that id."""
        return next((one for one in self.orders if one.now["id"] == order_id), None)

    def expect(self, request: Request) -> Expected:
        """How the request must be answered: the order of the checks is the one of promise L8."""
        command = COMMANDS[request.command]
        if command.needs_key and request.key is None:
            return Refusal(400, "idempotency-key-missing")
        if command.needs_tag and request.if_match is None:
            return Refusal(428, "precondition-required")
        if not command.is_well_formed(request.body):
            return Refusal(400, "invalid-input")
        if request.key in self.kept:
            fingerprint, answer = self.kept[request.key]
            return Replay(answer) if fingerprint == request.fingerprint else Refusal(422, "key-reused")
        thing = command.find(self, request.target)
        if command.find is not _nothing and thing is None:
            return Refusal(404, "not-found")
        if thing is not None and command.needs_tag and not _accepts(request.if_match or "", thing.tag):
            return Refusal(412, "stale-object-error", tag=thing.tag)
        return command.run(self, thing, request.body)

    def note(self, request: Request, expected: Expected, answer: Any) -> None:
        """The request was answered as expected: keep what happened."""
        is_lasting = isinstance(expected, Change) or (isinstance(expected, Refusal) and expected.is_final)
        if request.key is not None and is_lasting:
            self.kept[request.key] = (request.fingerprint, answer)
        if isinstance(expected, Change) and expected.event is not None:
            expected.thing.history.append(answer.json)
            expected.thing.event_types.append(expected.event)
            if request.command == "create product":
                self.products[request.body["sku"]] = expected.thing
                self.stock[request.body["sku"]] = Thing()
            elif request.command == "place order":
                self.orders.append(expected.thing)

    def listed_orders(self, **wanted: str) -> list[Fields]:
        """The orders with those values, newest first."""
        views = [one.now for one in self.orders]
        found = [view for view in views if all(view[name] == value for name, value in wanted.items())]
        return sorted(found, key=_age, reverse=True)

    def listed_products(self) -> list[Fields]:
        """All products, newest first."""
        return sorted((one.now for one in self.products.values()), key=_age, reverse=True)


@dataclass(frozen=True)
class Command:
    """One line of the table. `find` gives what the address names, None for nothing."""

    method: str
    path: str
    find: Callable[[Shop, str], Thing | None]
    is_well_formed: Callable[[Fields], bool]
    run: Callable[[Shop, Any, Fields], Expected]
    status: int = 200
    needs_key: bool = True
    needs_tag: bool = False


def _age(view: Fields) -> tuple[datetime, str]:
    return datetime.fromisoformat(view["created_at"]), view["id"]


def _accepts(if_match: str, tag: str) -> bool:
    return if_match == "*" or tag in if_match.split(", ")


def _nothing(shop: Shop, target: str) -> None:
    return None


def _create_product(shop: Shop, _: None, body: Fields) -> Expected:
    if body["sku"] in shop.products:
        return Refusal(409, "sku-taken", is_final=True)
    return Change(Thing(), {**body, "version": 1, "deleted_at": None}, "product.created")


def _changed(thing: Thing, event: str, **fields: Any) -> Change:
    """Fields of None stay; when all stay, nothing happened and the version stays too."""
    given = {name: value for name, value in fields.items() if value is not None}
    if all(thing.now[name] == value for name, value in given.items()):
        return Change(thing, thing.now, None)
    moved = {"version": thing.now["version"] + 1}
    kept = {name: value for name, value in thing.now.items() if name != "updated_at"}
    return Change(thing, {**kept, **given, **moved}, event)


def _rename(shop: Shop, product: Thing, body: Fields) -> Expected:
    return _changed(product, "product.renamed", name=body.get("name"))


def _receive(shop: Shop, stock: Thing, body: Fields) -> Expected:
    return _changed(stock, "stock.received", on_hand=stock.now["on_hand"] + body["quantity"])


def _adjust(shop: Shop, stock: Thing, body: Fields) -> Expected:
    if body["delta"] == 0:
        return Refusal(400, "invalid-input")
    on_hand = stock.now["on_hand"] + body["delta"]
    if on_hand < 0:
        return Refusal(422, "insufficient-stock", is_final=True)
    return _changed(stock, "stock.adjusted", on_hand=on_hand)


def _place(shop: Shop, _: None, body: Fields) -> Expected:
    decimals = DECIMALS[body["currency"]]
    prices = [_minor(line["unit_price"], decimals) for line in body["lines"]]
    if None in prices:
        return Refusal(400, "invalid-input")
    if any(line["sku"] not in shop.products for line in body["lines"]):
        return Refusal(422, "unknown-sku", is_final=True)
    total = sum(price * line["quantity"] for price, line in zip(prices, body["lines"], strict=True) if price)
    if total > TOTAL_MINOR_MAX:
        return Refusal(422, "order-total-too-large", is_final=True)
    reference = body.get("reference")
    if reference is not None and any(one.now["reference"] == reference for one in shop.orders):
        return Refusal(409, "reference-taken", is_final=True)
    lines = [
        {**line, "unit_price": _decimal(price or 0, decimals), "returned": 0}
        for line, price in zip(body["lines"], prices, strict=True)
    ]
    known = {name: body[name] for name in ("customer_ref", "currency")}
    fields = {
        **known, "version": 1, "status": "pending", "lines": lines, "total": _decimal(total, decimals),
        "reference": reference, "note": body.get("note", ""), "address": "", "cancel_reason": None,
        "deleted_at": None,
    }  # fmt: skip
    return Change(Thing(), fields, "order.placed")


def _amend(shop: Shop, order: Thing, body: Fields) -> Expected:
    if order.now["status"] != "pending":
        return Refusal(422, "order-status-forbids", is_final=True)
    return _changed(order, "order.amended", note=body.get("note"), address=body.get("address"))


def _cancel(shop: Shop, order: Thing, body: Fields) -> Expected:
    if order.now["status"] != "pending":
        return Refusal(422, "order-status-forbids", is_final=True)
    return _changed(order, "order.cancelled", status="cancelled", cancel_reason=body["reason"])


def _minor(text: str, decimals: int) -> int | None:
    """A decimal text in minor units; None if it has more decimals than the currency."""
    whole, _, rest = text.partition(".")
    if rest[decimals:].strip("0"):
        return None
    return int(whole + rest[:decimals].ljust(decimals, "0"))


def _decimal(minor: int, decimals: int) -> str:
    digits = str(minor).rjust(decimals + 1, "0")
    return f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits


def _always(_: Fields) -> bool:
    return True


def _has_reason(body: Fields) -> bool:
    return body.get("reason", "") != ""


COMMANDS = {
    "create product": Command(
        "POST", "/v1/products", _nothing, lambda body: body["name"] != "", _create_product, status=201
    ),
    "rename product": Command(
        "PATCH", "/v1/products/{}", lambda shop, sku: shop.products.get(sku),
        lambda body: body.get("name") != "", _rename, needs_key=False, needs_tag=True,
    ),
    "receive stock": Command(
        "POST", "/v1/products/{}/receipts", lambda shop, sku: shop.stock.get(sku),
        lambda body: body["quantity"] > 0, _receive,
    ),
    "adjust stock": Command(
        "POST", "/v1/products/{}/adjustments", lambda shop, sku: shop.stock.get(sku),
        _has_reason, _adjust,
    ),
    "place order": Command(
        "POST", "/v1/orders", _nothing,
        lambda body: body["lines"] != [] and all(line["quantity"] > 0 for line in body["lines"]),
        _place, status=201,
    ),
    "amend order": Command(
        "PATCH", "/v1/orders/{}", Shop.order, _always, _amend, needs_key=False, needs_tag=True
    ),
    "cancel order": Command(
        "POST", "/v1/orders/{}/cancel", Shop.order, _has_reason, _cancel, needs_tag=True
    ),
}  # fmt: skip
