"""Random sequences of everything that callers do, against a plain model, over HTTP; what differs is shrunk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from builders import a_context
from fuzz.conftest import REAL_SERVICE, Service
from fuzz.shop_caller import ShopCaller
from fuzz.shop_commands import COMMANDS
from fuzz.shop_model import Fields, Request, Shop

SEQUENCES: Final = 500 if REAL_SERVICE else 200
STEPS_MAX: Final = 50

SKUS = st.sampled_from(["TEA-1", "TEA-1", "TEA-1", "mug.2", "TEA-3"])
TEXTS = st.sampled_from(["Tea", "", "ring twice", "Grüner Tee ☎", "a\nb", "\\u0000", "x" * 200])
AMOUNTS = st.sampled_from([1, 2, 5, 7, 10**6, -1, -5, 0])
QUANTITIES = st.sampled_from([1, 1, 2, 3, 10**6, 0])
DELETED = st.sampled_from([None, None, "with", "only"])
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
OFTEN_RIGHT = st.just("current") | TAGS
KEYS = st.sampled_from(["new", "new", "new", "old", "none"])


class Caller(ShopCaller):
    """What callers do, each thing as often right as wrong."""

    @initialize()
    def open_a_shop(self) -> None:
        """A tenant of its own, with a product and an order, so that most steps find something to change."""
        self.api, tenant_id = self.service.client_of_a_tenant()
        self.context = a_context(tenant_id=tenant_id)
        self.shop = Shop(COMMANDS)
        self.sent, self.keys = [], []
        wish = {
            "customer_ref": "c-17", "currency": "EUR", "payment_method": "tok_visa",
            "lines": [{"sku": "TEA-1", "quantity": 2, "unit_price": "4.20"}] * 2,
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
        thing = self.shop.product(sku)
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

    @rule(sku=SKUS, tag=TAGS, key=KEYS, does=st.sampled_from(["delete product", "restore product"]))
    def delete_or_restore_product(self, sku: str, tag: str, key: str, does: str) -> None:
        """Also twice, and beside a successor of the same SKU."""
        thing = self.shop.product(sku)
        self.send(Request(does, sku, {}, self.tag(thing, tag), self.key(key)))

    @rule(sku=SKUS, tag=OFTEN_RIGHT, key=KEYS)
    def restore_predecessor(self, sku: str, tag: str, key: str) -> None:
        """By the tag of the one that was deleted last."""
        thing = self.shop.latest_deleted(sku)
        self.send(Request("restore product", sku, {}, self.tag(thing, tag), self.key(key)))

    @rule(which=WHICH, tag=OFTEN_RIGHT, key=KEYS, does=st.sampled_from(["delete order", "restore order"]))
    def delete_or_restore_order(self, which: int, tag: str, key: str, does: str) -> None:
        """Also twice, and while another order has its reference."""
        thing, order_id = self.order(which)
        self.send(Request(does, order_id, {}, self.tag(thing, tag), self.key(key)))

    @rule(which=WHICH, tag=OFTEN_RIGHT, key=KEYS)
    def restore_order(self, which: int, tag: str, key: str) -> None:
        """One that is deleted, if there is one."""
        deleted = [one for one in self.shop.orders if one.is_deleted]
        if which < len(deleted):
            thing = deleted[-1 - which]
            self.send(Request("restore order", thing.now["id"], {}, self.tag(thing, tag), self.key(key)))

    @rule(which=WHICH, wanted=st.sampled_from(["deleted", "delivered", "confirmed", "shipped", "cancelled"]))
    def bring_order_to(self, which: int, wanted: str) -> None:
        """Straight on, so that later steps find something to ship, to take back, to restore."""
        thing, order_id = self.order(which)
        if thing is None or thing.is_deleted:
            return
        if thing.now["status"] == "pending" and wanted in {"confirmed", "shipped", "delivered"}:
            self.confirm(thing)
        on_the_way = {
            "shipped": ("ship order",), "delivered": ("ship order", "deliver order"),
            "cancelled": ("cancel order",), "deleted": ("cancel order", "delete order"),
        }.get(wanted, ())  # fmt: skip
        for command in on_the_way:
            body = {"reason": "r"} if command == "cancel order" else {}
            self.send(Request(command, order_id, body, thing.tag, self.key("new")))

    @rule(which=WHICH, tag=TAGS, key=KEYS, does=st.sampled_from(["ship order", "deliver order"]))
    def ship_or_deliver(self, which: int, tag: str, key: str, does: str) -> None:
        """In any order."""
        thing, order_id = self.order(which)
        self.send(Request(does, order_id, {}, self.tag(thing, tag), self.key(key)))

    @rule(
        which=WHICH,
        lines=st.lists(st.fixed_dictionaries({"sku": SKUS, "quantity": QUANTITIES}), min_size=1, max_size=3),
        reason=TEXTS,
        tag=OFTEN_RIGHT,
        key=KEYS,
    )
    def take_back(self, which: int, lines: list[Fields], reason: str, tag: str, key: str) -> None:
        """More than was ordered, too."""
        thing, order_id = self.order(which)
        body = {"lines": lines, "reason": reason}
        self.send(Request("take back", order_id, body, self.tag(thing, tag), self.key(key)))

    @rule(which=WHICH, line=st.integers(0, 2), quantity=st.sampled_from([1, 2, 3]))
    def take_back_what_was_ordered(self, which: int, line: int, quantity: int) -> None:
        """Of a delivered order, if there is one."""
        delivered = [
            one for one in self.shop.orders if one.now["status"] == "delivered" and not one.is_deleted
        ]
        if which < len(delivered):
            thing = delivered[-1 - which]
            lines = thing.now["lines"]
            back = {"sku": lines[line % len(lines)]["sku"], "quantity": quantity}
            body = {"lines": [back], "reason": "r"}
            self.send(Request("take back", thing.now["id"], body, thing.tag, self.key("new")))

    @rule(which=WHICH)
    def send_again(self, which: int) -> None:
        """The very same request, with the tag that is old by now."""
        if which < len(self.sent):
            self.send(self.sent[-1 - which])

    @rule(sku=SKUS)
    def read_product(self, sku: str) -> None:
        """The product and its stock."""
        product = self.shop.product(sku)
        self.read(f"/v1/products/{sku}", product)
        is_live = product is not None and not product.is_deleted
        self.read(f"/v1/products/{sku}/stock", product.stock if product and is_live else product)

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
                "status": st.sampled_from(["pending", "cancelled", "shipped", "delivered"]),
                "customer_ref": st.sampled_from(["c-17", "c & d", "nobody"]),
            },
        ),
        deleted=DELETED,
        limit=st.integers(1, 4),
    )
    def list_orders(self, wanted: dict[str, str], deleted: str | None, limit: int) -> None:
        """All pages, with filters; of one customer by either address."""
        listed = self.shop.listed_orders(deleted, **wanted)
        filters = f"?limit={limit}" + (f"&deleted={deleted}" if deleted else "")
        others = "".join(
            f"&{name}={quote(value)}" for name, value in wanted.items() if name != "customer_ref"
        )
        customer = wanted.get("customer_ref")
        of_customer = f"&customer_ref={quote(customer)}" if customer else ""
        assert self.walk(f"/v1/orders{filters}{others}{of_customer}") == listed
        if customer:
            assert self.walk(f"/v1/customers/{quote(customer)}/orders{filters}{others}") == listed

    @rule(deleted=DELETED, limit=st.integers(1, 4))
    def list_products(self, deleted: str | None, limit: int) -> None:
        """All pages."""
        wanted = f"?limit={limit}" + (f"&deleted={deleted}" if deleted else "")
        assert self.walk(f"/v1/products{wanted}") == self.shop.listed_products(deleted)

    def teardown(self) -> None:
        """Whatever was done, the two agree on everything in the end."""
        for deleted in (None, "with", "only"):
            asked = f"&deleted={deleted}" if deleted else ""
            assert self.walk(f"/v1/orders?limit=500{asked}") == self.shop.listed_orders(deleted)
            assert self.walk(f"/v1/products?limit=500{asked}") == self.shop.listed_products(deleted)
        for product in self.shop.products:
            if not product.is_deleted:
                self.read(f"/v1/products/{product.now['sku']}/stock", product.stock)
        self.count("sequences without a difference")


@pytest.mark.timeout(1_800)
@pytest.mark.promise("L1", "L4", "D1", "D2", "D4", "D5", "D6", "H2", "H3", "H7", "H8", "E5")
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
