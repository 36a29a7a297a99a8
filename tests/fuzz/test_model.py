"""Random sequences of everything that callers do, against a plain model, over HTTP; what differs is shrunk."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from fuzz.conftest import REAL_SERVICE, Service
from fuzz.shop_model import COMMANDS, Change, Fields, Refusal, Replay, Request, Shop, Thing
from integration.rest_api.checked_client import Answer, CheckedClient

SEQUENCES: Final = 500 if REAL_SERVICE else 200
STEPS_MAX: Final = 50
PAGES_MAX: Final = 200
NOBODYS_ID: Final = "01a20c32-bf61-7484-938d-dc4ce4a621a2"
NOBODYS_TAG: Final = f'"{NOBODYS_ID}-1"'

SKUS = st.sampled_from(["TEA-1", "TEA-1", "TEA-1", "mug.2", "TEA-3"])
TEXTS = st.sampled_from(["Tea", "", "ring twice", "Grüner Tee ☎", "a\nb", "\\u0000", "x" * 200])
AMOUNTS = st.sampled_from([1, 2, 5, 7, 10**6, -1, -5, 0])
LINES = st.lists(
    st.fixed_dictionaries(
        {
            "sku": SKUS,
            "quantity": st.sampled_from([1, 3, 2, 7, 10**6, 0]),
            "unit_price": st.sampled_from(["4.20", "0", "19", "7.000", "0.005", "9999999999.99"]),
        }
    ),
    min_size=1,
    max_size=3,
)
ORDERS = st.fixed_dictionaries(
    {
        "customer_ref": st.sampled_from(["c-17", "c & d"]),
        "currency": st.sampled_from(["EUR", "JPY", "KWD"]),
        "lines": LINES,
        "payment_method": st.just("tok_visa"),
    },
    optional={
        "reference": st.sampled_from([None, "R-1", "R-2"]),
        "note": TEXTS,
    },
)
WHICH = st.sampled_from([0, 0, 0, 1, 1, 2, 5])
"""Which of the orders, keys or earlier requests, counted from the latest; beyond the last: one that nobody has."""
TAGS = st.sampled_from(
    [
        "current",
        "current",
        "current",
        "any",
        "any",
        "first",
        "weak",
        "of another",
        "current among others",
        "none",
    ]
)
KEYS = st.sampled_from(["new", "new", "new", "old", "none"])


class Caller(RuleBasedStateMachine):
    """Sends requests to the service, and holds each answer against the shop's."""

    service: Service
    count: Callable[[str], None]

    @initialize()
    def open_a_shop(self) -> None:
        """A tenant of its own, with a product and an order, so that most steps find something to change."""
        self.api: CheckedClient = self.service.client()
        self.shop = Shop()
        self.sent: list[Request] = []
        self.keys: list[str] = []
        wish = {
            "customer_ref": "c-17", "currency": "EUR", "payment_method": "tok_visa",
            "lines": [{"sku": "TEA-1", "quantity": 2, "unit_price": "4.20"}],
        }  # fmt: skip
        self.send(Request("create product", "", {"sku": "TEA-1", "name": "Tea"}, key=self.key("new")))
        self.send(Request("place order", "", wish, key=self.key("new")))

    @rule(sku=SKUS, name=TEXTS, key=KEYS)
    def create_product(self, sku: str, name: str, key: str) -> None:
        """Often under a SKU that is taken."""
        self.send(Request("create product", "", {"sku": sku, "name": name}, key=self.key(key)))

    @rule(sku=SKUS, body=st.fixed_dictionaries({}, optional={"name": TEXTS | st.none()}), tag=TAGS, key=KEYS)
    def rename_product(self, sku: str, body: Fields, tag: str, key: str) -> None:
        """Also to the name that it has."""
        thing = self.shop.products.get(sku)
        self.send(Request("rename product", sku, body, self.tag(thing, tag), self.key(key)))

    @rule(sku=SKUS, quantity=AMOUNTS, key=KEYS)
    def receive_stock(self, sku: str, quantity: int, key: str) -> None:
        """Goods come in."""
        self.send(Request("receive stock", sku, {"quantity": quantity}, key=self.key(key)))

    @rule(sku=SKUS, amount=AMOUNTS, reason=TEXTS, key=KEYS)
    def adjust_stock(self, sku: str, amount: int, reason: str, key: str) -> None:
        """Down more often than up."""
        self.send(Request("adjust stock", sku, {"delta": -amount, "reason": reason}, key=self.key(key)))

    @rule(body=ORDERS, key=KEYS)
    def place_order(self, body: Fields, key: str) -> None:
        """With SKUs that nobody has, references that are taken, prices that no currency knows."""
        self.send(Request("place order", "", body, key=self.key(key)))

    @rule(
        which=WHICH,
        body=st.fixed_dictionaries({}, optional={"note": TEXTS | st.none(), "address": TEXTS | st.none()}),
        tag=TAGS,
        key=KEYS,
    )
    def amend_order(self, which: int, body: Fields, tag: str, key: str) -> None:
        """Also one that is cancelled."""
        thing, order_id = self.order(which)
        self.send(Request("amend order", order_id, body, self.tag(thing, tag), self.key(key)))

    @rule(which=WHICH, reason=TEXTS, tag=TAGS, key=KEYS)
    def cancel_order(self, which: int, reason: str, tag: str, key: str) -> None:
        """Also twice."""
        thing, order_id = self.order(which)
        self.send(Request("cancel order", order_id, {"reason": reason}, self.tag(thing, tag), self.key(key)))

    @rule(which=WHICH)
    def send_again(self, which: int) -> None:
        """The very same request, with the tag that is old by now."""
        if which < len(self.sent):
            self.send(self.sent[-1 - which])

    @rule(sku=SKUS)
    def read_product(self, sku: str) -> None:
        """The product and its stock."""
        self.read(f"/v1/products/{sku}", self.shop.products.get(sku))
        self.read(f"/v1/products/{sku}/stock", self.shop.stock.get(sku))

    @rule(which=WHICH, version=st.integers(min_value=1, max_value=5))
    def read_order(self, which: int, version: int) -> None:
        """As it is, and as it was."""
        thing, order_id = self.order(which)
        self.read(f"/v1/orders/{order_id}", thing)
        answer = self.api.get(f"/v1/orders/{order_id}?at_version={version}")
        if thing is not None and version <= len(thing.history):
            assert (answer.status, answer.json) == (200, thing.history[version - 1])
        else:
            code = "not-found" if thing is None else "version-not-reached"
            assert (answer.status, answer.code) == (404, code)

    @rule(which=WHICH, after=st.integers(min_value=0, max_value=3), limit=st.integers(1, 3))
    def read_events(self, which: int, after: int, limit: int) -> None:
        """The order's events, page by page."""
        thing, order_id = self.order(which)
        address = f"/v1/orders/{order_id}/events?after_version={after}&limit={limit}"
        if thing is None:
            assert self.api.get(address).status == 404
            return
        events = self.walk(address)
        assert [(event["version"], event["type"]) for event in events] == [
            (number, kind) for number, kind in enumerate(thing.event_types, start=1) if number > after
        ]
        assert [event["occurred_at"] for event in events] == [
            view["updated_at"] for view in thing.history[after:]
        ]
        positions = [event["position"] for event in events]
        assert positions == sorted(set(positions))

    @rule(
        wanted=st.fixed_dictionaries(
            {},
            optional={
                "status": st.sampled_from(["pending", "cancelled", "shipped"]),
                "customer_ref": st.sampled_from(["c-17", "c & d", "nobody"]),
            },
        ),
        limit=st.integers(1, 4),
    )
    def list_orders(self, wanted: dict[str, str], limit: int) -> None:
        """All pages, with filters."""
        filters = "".join(f"&{name}={quote(value)}" for name, value in wanted.items())
        assert self.walk(f"/v1/orders?limit={limit}{filters}") == self.shop.listed_orders(**wanted)

    @rule(limit=st.integers(1, 4))
    def list_products(self, limit: int) -> None:
        """All pages."""
        assert self.walk(f"/v1/products?limit={limit}") == self.shop.listed_products()

    def teardown(self) -> None:
        """Whatever was done, the two agree on everything in the end."""
        assert self.walk("/v1/orders?limit=500") == self.shop.listed_orders()
        assert self.walk("/v1/products?limit=500") == self.shop.listed_products()
        for sku, stock in self.shop.stock.items():
            self.read(f"/v1/products/{sku}/stock", stock)
        self.count("sequences without a difference")

    def send(self, request: Request) -> None:
        """Send it, and hold the answer against the shop's."""
        expected = self.shop.expect(request)
        command = COMMANDS[request.command]
        given = {"if_match": request.if_match, "idempotency_key": request.key}
        headers = {name: value for name, value in given.items() if value is not None}
        call = self.api.post if command.method == "POST" else self.api.patch
        answer = call(command.path.format(request.target), request.body, **headers)
        self.count("commands in sequences")
        match expected:
            case Replay(first):
                assert (answer.status, answer.body) == (first.status, first.body)
                assert answer.headers["Idempotent-Replayed"] == "true"
                assert answer.headers.get("ETag") == first.headers.get("ETag")
                return
            case Refusal(status, code, tag=tag):
                assert (answer.status, answer.code) == (status, code)
                assert answer.headers.get("ETag") == tag
            case Change(thing, fields, event):
                assert answer.status == command.status, answer
                assert {name: answer.json[name] for name in fields} == fields
                assert answer.headers["ETag"] == f'"{answer.json["id"]}-{fields["version"]}"'
                if thing.history and event is not None:
                    assert _instant(answer.json["updated_at"]) >= _instant(thing.now["updated_at"])
        assert "Idempotent-Replayed" not in answer.headers
        self.shop.note(request, expected, answer)
        self.sent.append(request)
        if request.command == "create product" and answer.status == 201:
            self.open_stock(request.body["sku"])

    def open_stock(self, sku: str) -> None:
        """A new product has empty stock."""
        answer = self.api.get(f"/v1/products/{sku}/stock")
        assert answer.status == 200
        empty = {"version": 1, "sku": sku, "on_hand": 0, "reserved": 0, "sold": 0}
        assert {name: answer.json[name] for name in empty} == empty
        self.shop.stock[sku].history.append(answer.json)

    def read(self, address: str, thing: Thing | None) -> None:
        """One thing, byte for byte what the shop has."""
        answer = self.api.get(address)
        if thing is None:
            assert (answer.status, answer.code) == (404, "not-found")
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


@pytest.mark.timeout(1_800)
@pytest.mark.promise("L1", "L4", "H2", "H3", "H7", "H8", "E5")
def test_no_sequence_of_requests_is_answered_otherwise_than_by_the_model(
    service: Service, count: Callable[[str], None]
) -> None:
    """Shrinks what differs to the shortest sequence."""
    here = type("CallerHere", (Caller,), {"service": service, "count": staticmethod(count)})
    run_state_machine_as_test(
        here,
        settings=settings(
            max_examples=SEQUENCES,
            stateful_step_count=STEPS_MAX,
            deadline=None,
            derandomize=not REAL_SERVICE,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
