"""What the service promises, as a plain model: a shop in dictionaries that shares no code with src.

`Shop.expect` says how a request must be answered; `Shop.note` takes from the answer what only the service can
know (ids and times). What the shop can do stands in shop_commands.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Fields = dict[str, Any]


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
    stock: Thing | None = None
    """Of a product."""
    deleted_as: int = 0
    """Which deletion of the shop was its last, counted from 1."""

    @property
    def now(self) -> Fields:
        """As it stands."""
        return self.history[-1]

    @property
    def is_deleted(self) -> bool:
        """Whether it is hidden at present."""
        return self.now.get("deleted_at") is not None

    @property
    def tag(self) -> str:
        """Its entity tag."""
        return self.tag_at(self.now["version"])

    def tag_at(self, version: int) -> str:
        """Its entity tag at a version."""
        return f'"{self.now["id"]}-{version}"'

    def accepts(self, if_match: str) -> bool:
        """Whether the header names the present version."""
        return if_match == "*" or self.tag in if_match.split(", ")

    def last_was(self, event: str, if_match: str) -> bool:
        """Whether that came last, and the header names the version before or after it."""
        before = self.tag_at(self.now["version"] - 1)
        names_it = self.accepts(if_match) or before in if_match.split(", ")
        return self.event_types[-1] == event and names_it


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


@dataclass(frozen=True)
class Command:
    """One line of the table. `kind` says what the address names, `on_stock` that the product's stock is meant.

    `run` decides for a live thing at an accepted version; a command that is also for deleted things has
    `run_anyhow` instead, which decides with the If-Match header.
    """

    method: str
    path: str
    kind: Literal["product", "order"] | None = None
    on_stock: bool = False
    is_well_formed: Callable[[Fields], bool] = lambda body: True
    run: Callable[[Shop, Any, Fields], Expected] | None = None
    run_anyhow: Callable[[Shop, Thing, str], Expected] | None = None
    status: int = 200
    needs_key: bool = True
    needs_tag: bool = False
    has_body: bool = True


class Shop:
    """Everything that one tenant has, and had."""

    def __init__(self, commands: dict[str, Command]) -> None:
        self._commands = commands
        self.products: list[Thing] = []
        self.orders: list[Thing] = []
        self.kept: dict[str, tuple[str, Any]] = {}
        self._deletions = 0

    def order(self, order_id: str) -> Thing | None:
        """The order with that id, deleted or not."""
        return next((one for one in self.orders if one.now["id"] == order_id), None)

    def live_product(self, sku: str) -> Thing | None:
        """The product that has the SKU."""
        return next((one for one in self.products if one.now["sku"] == sku and not one.is_deleted), None)

    def latest_deleted(self, sku: str) -> Thing | None:
        """The product that had the SKU and was deleted last."""
        deleted = [one for one in self.products if one.now["sku"] == sku and one.is_deleted]
        return max(deleted, key=lambda one: one.deleted_as, default=None)

    def product(self, sku: str) -> Thing | None:
        """What the SKU names: the live product, else the one that was deleted last."""
        return self.live_product(sku) or self.latest_deleted(sku)

    def expect(self, request: Request) -> Expected:
        """How the request must be answered: the order of the checks is the one of promise L8."""
        command = self._commands[request.command]
        if command.needs_key and request.key is None:
            return Refusal(400, "idempotency-key-missing")
        if command.needs_tag and request.if_match is None:
            return Refusal(428, "precondition-required")
        if not command.is_well_formed(request.body):
            return Refusal(400, "invalid-input")
        if request.key in self.kept:
            fingerprint, answer = self.kept[request.key]
            return Replay(answer) if fingerprint == request.fingerprint else Refusal(422, "key-reused")
        find = {"product": self.product, "order": self.order}
        thing = find[command.kind](request.target) if command.kind else None
        if command.kind and thing is None:
            return Refusal(404, "not-found")
        if command.run_anyhow is not None and thing is not None:
            return command.run_anyhow(self, thing, request.if_match or "")
        if thing is not None and thing.is_deleted:
            return Refusal(410, "gone", tag=thing.tag)
        if thing is not None and command.needs_tag and not thing.accepts(request.if_match or ""):
            return Refusal(412, "stale-object-error", tag=thing.tag)
        assert command.run is not None
        return command.run(self, thing.stock if command.on_stock and thing else thing, request.body)

    def note(self, request: Request, expected: Expected, answer: Any, view: Fields) -> None:
        """The request was answered as expected: keep what happened, and how it looks now."""
        is_lasting = isinstance(expected, Change) or (isinstance(expected, Refusal) and expected.is_final)
        if request.key is not None and is_lasting:
            self.kept[request.key] = (request.fingerprint, answer)
        if isinstance(expected, Change) and expected.event is not None:
            self.happened(expected.thing, expected.event, view)
            if request.command == "create product":
                self.products.append(expected.thing)
            elif request.command == "place order":
                self.orders.append(expected.thing)

    def happened(self, thing: Thing, event: str, view: Fields) -> None:
        """The thing looks like that since the event."""
        thing.history.append(view)
        thing.event_types.append(event)
        if event.endswith(".deleted"):
            self._deletions += 1
            thing.deleted_as = self._deletions

    def listed_orders(self, deleted: str | None = None, **wanted: str) -> list[Fields]:
        """The orders with those values, newest first."""
        views = _listed(self.orders, deleted)
        return [view for view in views if all(view[name] == value for name, value in wanted.items())]

    def listed_products(self, deleted: str | None = None) -> list[Fields]:
        """All products, newest first."""
        return _listed(self.products, deleted)


def _listed(things: Iterable[Thing], deleted: str | None) -> list[Fields]:
    shown = {None: (False,), "only": (True,), "with": (False, True)}[deleted]
    return sorted((one.now for one in things if one.is_deleted in shown), key=_age, reverse=True)


def _age(view: Fields) -> tuple[datetime, str]:
    return datetime.fromisoformat(view["created_at"]), view["id"]
