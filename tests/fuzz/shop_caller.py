"""Sends what the plain shop is asked as well, and holds each answer against the shop's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from hypothesis.stateful import RuleBasedStateMachine

from adapters.system_clock import now
from application.ports.unit_of_work import CommandContext
from fuzz.conftest import Service
from fuzz.shop_commands import COMMANDS
from fuzz.shop_model import Change, Command, Fields, Refusal, Replay, Request, Shop, Thing
from integration.rest_api.checked_client import Answer, CheckedClient

PAGES_MAX: Final = 200
NOBODYS_ID: Final = "01a20c32-bf61-7484-938d-dc4ce4a621a2"
NOBODYS_TAG: Final = f'"{NOBODYS_ID}-1"'


class ShopCaller(RuleBasedStateMachine):
    """What all rules share; the rules stand in test_model.py."""

    service: Service
    count: Callable[[str], None]
    api: CheckedClient
    shop: Shop
    sent: list[Request]
    keys: list[str]
    context: CommandContext

    def send(self, request: Request) -> None:
        """Send it, and hold the answer against the shop's."""
        expected = self.shop.expect(request)
        command = COMMANDS[request.command]
        answer = self.call(command, request)
        self.count("commands in sequences")
        view: Fields = {}
        match expected:
            case Replay(first):
                self.count(f"replayed: {request.command}")
                assert (answer.status, answer.body) == (first.status, first.body)
                assert answer.headers["Idempotent-Replayed"] == "true"
                assert answer.headers.get("ETag") == first.headers.get("ETag")
                return
            case Refusal(status, code, tag=tag):
                self.count(f"refused: {request.command}")
                assert answer.status == status, answer
                assert answer.code == code
                assert answer.headers.get("ETag") == tag
            case Change(thing, fields, event):
                assert answer.status == command.status, answer
                self.count(f"accepted: {request.command}")
                view = self.deleted_view(thing) if answer.status == 204 else answer.json
                assert {name: view[name] for name in fields} == fields
                assert answer.headers["ETag"] == f'"{view["id"]}-{fields["version"]}"'
                if thing.history and event is not None:
                    assert _instant(view["updated_at"]) >= _instant(thing.now["updated_at"])
        assert "Idempotent-Replayed" not in answer.headers
        self.shop.note(request, expected, answer, view)
        self.sent.append(request)
        if isinstance(expected, Change) and expected.event in {"product.created", "product.restored"}:
            self.look_at_stock(expected.thing)

    def call(self, command: Command, request: Request) -> Answer:
        """Send it."""
        given = {"if_match": request.if_match, "idempotency_key": request.key}
        headers = {name: value for name, value in given.items() if value is not None}
        path = command.path.format(request.target)
        if not command.has_body:
            return self.api.call(command.method, path, b"", **headers)
        return (self.api.post if command.method == "POST" else self.api.patch)(path, request.body, **headers)

    def deleted_view(self, thing: Thing) -> Fields:
        """How a deleted thing looks to who asks for deleted ones; it is in no other list."""
        kind = "products" if thing in self.shop.products else "orders"
        (view,) = (
            item for item in self.walk(f"/v1/{kind}?deleted=only&limit=500") if item["id"] == thing.now["id"]
        )
        assert view["deleted_at"] is not None
        return view

    def look_at_stock(self, product: Thing) -> None:
        """A new product has empty stock; one that was restored has what it had, two events later."""
        answer = self.api.get(f"/v1/products/{product.now['sku']}/stock")
        assert answer.status == 200
        if product.stock is None:
            product.stock = Thing()
            known = {"version": 1, "sku": product.now["sku"], "on_hand": 0, "reserved": 0, "sold": 0}
        else:
            before = product.stock.now
            known = {**before, "version": before["version"] + 2, "updated_at": answer.json["updated_at"]}
        assert {name: answer.json[name] for name in known} == known
        product.stock.history.append(answer.json)

    def confirm(self, order: Thing) -> None:
        """As fulfilment will: no caller can, so it is done from inside, and then looked at."""
        with self.service.open_unit_of_work(self.context) as uow:
            stored = uow.orders.get(UUID(order.now["id"]))
            stored.confirm(at=now())
            uow.orders.save(stored)
        self.count("orders confirmed from inside")
        answer = self.api.get(f"/v1/orders/{order.now['id']}")
        changed = {"status": "confirmed", "version": order.now["version"] + 1}
        assert {**order.now, **changed, "updated_at": answer.json["updated_at"]} == answer.json
        self.shop.happened(order, "order.confirmed", answer.json)

    def read(self, address: str, thing: Thing | None) -> None:
        """One thing, byte for byte what the shop has."""
        answer = self.api.get(address)
        if thing is None:
            assert (answer.status, answer.code) == (404, "not-found")
        elif thing.is_deleted:
            assert (answer.status, answer.code, answer.headers["ETag"]) == (410, "gone", thing.tag)
        else:
            assert (answer.status, answer.json, answer.headers["ETag"]) == (200, thing.now, thing.tag)

    def walk(self, address: str) -> list[Any]:
        """Every item from that address on."""
        items: list[Any] = []
        following: str | None = address
        for _ in range(PAGES_MAX):
            if following is None:
                return items
            page: Answer = self.api.get(following)
            assert page.status == 200, page
            items += page.json["items"]
            following = page.json["next"]
        raise AssertionError(f"{address} has no end")

    def order(self, which: int) -> tuple[Thing | None, str]:
        """An order and its id."""
        if which < len(self.shop.orders):
            found = self.shop.orders[-1 - which]
            return found, found.now["id"]
        return None, NOBODYS_ID

    def tag(self, thing: Thing | None, wish: str) -> str | None:
        """What to send as If-Match."""
        current = NOBODYS_TAG if thing is None else thing.tag
        first = NOBODYS_TAG if thing is None else f'"{thing.now["id"]}-1"'
        return {
            "current": current, "any": "*", "first": first, "weak": f"W/{current}", "of another": NOBODYS_TAG,
            "current among others": f"{NOBODYS_TAG}, {current}", "none": None,
        }[wish]  # fmt: skip

    def key(self, wish: str) -> str | None:
        """What to send as Idempotency-Key."""
        if wish == "none":
            return None
        if wish == "new" or not self.keys:
            self.keys.append(f"key-{len(self.keys)}")
        return self.keys[-1] if wish == "new" else self.keys[len(self.keys) // 2]


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
