"""Deleting and restoring over HTTP: what goes, what comes back, and what repetition answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from domain.retention import REASON_LENGTH_MAX
from entrypoints.http_messages.operations import OPERATIONS
from integration.rest_api.caller import ORDER
from integration.rest_api.checked_client import Answer, CheckedClient

ITS_RESTORATION_AND_ITS_HISTORY = {
    "restoreProduct",
    "restoreOrder",
    "restoreDevice",
    "listOrderEvents",
    "listOrderPayments",
    "readOrderSaga",
}


@dataclass(frozen=True)
class Thing:
    """Something that was made ready to be deleted, or was deleted: its address and its tag."""

    api: CheckedClient
    path: str
    tag: str

    def deleted(self) -> Thing:
        """It, deleted."""
        answer = self.api.delete(self.path, if_match=self.tag)
        assert answer.status == 204, answer
        return Thing(self.api, self.path, answer.headers["ETag"])

    def restore(self, tag: str, **headers: str) -> Answer:
        """POST to its restoration."""
        return self.api.call("POST", f"{self.path}/restore", b"", if_match=tag, **headers)


@pytest.fixture
def product(api: CheckedClient, tea: Answer) -> Thing:
    """A product with nothing reserved."""
    return Thing(api, "/v1/products/TEA-1", tea.headers["ETag"])


@pytest.fixture
def order(api: CheckedClient, tea: Answer) -> Thing:
    """A cancelled order with a reference."""
    placed = api.post("/v1/orders", {**ORDER, "reference": "PO-1"}, idempotency_key="po")
    path = placed.headers["Location"]
    cancelled = api.post(
        f"{path}/cancel", {"reason": "r"}, if_match=placed.headers["ETag"], idempotency_key="c"
    )
    return Thing(api, path, cancelled.headers["ETag"])


@pytest.fixture
def device(api: CheckedClient, pump: Answer) -> Thing:
    """A device."""
    return Thing(api, pump.headers["Location"], pump.headers["ETag"])


@pytest.fixture(params=["product", "order", "device"])
def thing(request: pytest.FixtureRequest) -> Thing:
    """Each of them in turn."""
    found: Thing = request.getfixturevalue(request.param)
    return found


class TestADeletion:
    @pytest.mark.promise("D5")
    def test_moves_the_version_and_is_an_event(self, api: CheckedClient, order: Thing) -> None:
        gone = order.deleted()
        assert gone.tag == order.tag[:-2] + '3"'
        last = api.get(f"{order.path}/events").json["items"][-1]
        assert (last["type"], last["version"], last["data"]["actor"]) == ("order.deleted", 3, "alice")

    @pytest.mark.promise("D5")
    def test_is_repeated_with_the_tag_from_before_or_after_and_changes_nothing(self, thing: Thing) -> None:
        gone = thing.deleted()
        for tag in (thing.tag, gone.tag, "*", f'"x", {gone.tag}'):
            again = thing.api.delete(thing.path, if_match=tag)
            assert (again.status, again.headers["ETag"], again.body) == (204, gone.tag, b"")

    @pytest.mark.promise("D5", "L2")
    def test_is_gone_for_any_other_tag(self, thing: Thing) -> None:
        gone = thing.deleted()
        for tag in ('"x"', gone.tag[:-2] + '99"', '"01a20c32-bf61-7484-938d-dc4ce4a621a2-1"'):
            answer = thing.api.delete(thing.path, if_match=tag)
            assert (answer.status, answer.code, answer.headers["ETag"]) == (410, "gone", gone.tag)

    @pytest.mark.promise("L3", "D5")
    def test_of_a_live_one_needs_its_current_tag(self, thing: Thing) -> None:
        assert thing.api.delete(thing.path).status == 428
        answer = thing.api.delete(thing.path, if_match='"x"')
        assert (answer.status, answer.headers["ETag"]) == (412, thing.tag)
        assert thing.api.get(thing.path).status == 200

    @pytest.mark.promise("H2", "H3")
    def test_is_replayed_by_its_key_even_after_a_restoration(self, thing: Thing) -> None:
        path = f"{thing.path}?reason=tidy"
        first = thing.api.delete(path, if_match=thing.tag, idempotency_key="d")
        restored = thing.restore(first.headers["ETag"])
        again = thing.api.delete(path, if_match=thing.tag, idempotency_key="d")
        assert (again.status, again.headers["ETag"]) == (204, first.headers["ETag"])
        assert again.headers["Idempotent-Replayed"] == "true"
        assert thing.api.get(thing.path).headers["ETag"] == restored.headers["ETag"]
        other = thing.api.delete(f"{thing.path}?reason=other", if_match=thing.tag, idempotency_key="d")
        assert other.code == "key-reused"

    def test_bears_a_bounded_reason(self, api: CheckedClient, order: Thing) -> None:
        for reason in ("", "x" * (REASON_LENGTH_MAX + 1), "%00"):
            answer = api.delete(f"{order.path}?reason={reason}", if_match=order.tag)
            assert (answer.status, answer.fields) == (400, ["reason"])
        api.delete(f"{order.path}?reason=a%20test", if_match=order.tag)
        assert api.get(f"{order.path}/events").json["items"][-1]["data"]["reason"] == "a test"

    @pytest.mark.promise("D6")
    def test_of_an_order_waits_until_it_is_cancelled_or_delivered(
        self, api: CheckedClient, placed: Answer
    ) -> None:
        path = placed.headers["Location"]
        answer = api.delete(path, if_match=placed.headers["ETag"])
        assert (answer.status, answer.code) == (422, "order-status-forbids")
        assert "cancelled or delivered" in answer.json["detail"]
        assert api.get(path).json == placed.json


class TestADeletedThing:
    @pytest.mark.promise("D1", "D5", "D6")
    def test_is_gone_for_every_operation_but_its_restoration_and_its_history(
        self, thing: Thing, api: CheckedClient
    ) -> None:
        bodies = {
            "renameProduct": {"name": "Green tea"},
            "receiveStock": {"quantity": 1},
            "adjustStock": {"delta": 1, "reason": "r"},
            "amendOrder": {"note": "n"},
            "describeDevice": {"description": "d"},
            "cancelOrder": {"reason": "r"},
            "payAgain": {"payment_method": "tok_visa"},
            "returnOrderLines": {"lines": [{"sku": "TEA-1", "quantity": 1}], "reason": "r"},
        }
        gone, seen = thing.deleted(), []
        kind = thing.path.split("/")[2]
        for operation in OPERATIONS:
            is_its_own = operation.path.startswith(f"/v1/{kind}/{{")
            if not is_its_own or operation.id in ITS_RESTORATION_AND_ITS_HISTORY:
                continue
            path = thing.path + operation.path.partition("}")[2]
            body = bodies.get(operation.id)
            call = {"POST": api.post, "PATCH": api.patch}.get(operation.method)
            headers = {"if_match": '"x"', "idempotency_key": "k"} if operation.is_change else {}
            answer = (
                call(path, body, **headers)
                if call and body is not None
                else api.call(operation.method, path, b"", **headers)
            )
            assert (answer.status, answer.code) == (410, "gone"), operation.id
            assert answer.headers["ETag"] == gone.tag, operation.id
            seen.append(operation.id)
        assert len(seen) >= 3

    @pytest.mark.promise("D1")
    def test_is_in_no_list_that_does_not_ask_for_it(self, thing: Thing, api: CheckedClient) -> None:
        items = thing.path.rpartition("/")[0]
        thing.deleted()
        assert api.get(items).json["items"] == []
        for wish in ("with", "only"):
            (item,) = api.get(f"{items}?deleted={wish}").json["items"]
            assert item["deleted_at"] == item["updated_at"]
        assert api.get(f"{items}?deleted=without").fields == ["deleted"]
        thing.restore("*")
        assert api.get(f"{items}?deleted=only").json["items"] == []
        (item,) = api.get(items).json["items"]
        assert item["deleted_at"] is None

    @pytest.mark.promise("D1", "E5")
    def test_keeps_a_history_that_can_be_read_by_version(self, order: Thing, api: CheckedClient) -> None:
        gone = order.deleted()
        assert api.get(f"{order.path}?at_version=2").json["deleted_at"] is None
        last = api.get(f"{order.path}?at_version=3")
        assert last.json["deleted_at"] == last.json["updated_at"]
        assert last.headers["ETag"] == gone.tag
        assert len(api.get(f"{order.path}/events").json["items"]) == 3

    @pytest.mark.promise("D1")
    def test_cannot_be_ordered(self, product: Thing, api: CheckedClient) -> None:
        product.deleted()
        assert api.post("/v1/orders", ORDER, idempotency_key="o").code == "unknown-sku"


class TestARestoration:
    @pytest.mark.promise("D3", "D5")
    def test_brings_back_what_was_there(self, thing: Thing) -> None:
        before = thing.api.get(thing.path).json
        gone = thing.deleted()
        answer = thing.restore(gone.tag)
        after = {**before, "version": before["version"] + 2, "updated_at": answer.json["updated_at"]}
        assert (answer.status, answer.json) == (200, after)
        assert thing.api.get(thing.path).json == after

    @pytest.mark.promise("D3")
    def test_of_a_product_brings_its_stock_back(self, product: Thing, api: CheckedClient) -> None:
        api.post("/v1/products/TEA-1/receipts", {"quantity": 5}, idempotency_key="r")
        gone = product.deleted()
        assert api.get("/v1/products/TEA-1/stock").status == 410
        product.restore(gone.tag)
        assert api.get("/v1/products/TEA-1/stock").json["on_hand"] == 5

    @pytest.mark.promise("D5")
    def test_is_repeated_with_the_tag_from_before_or_after_and_changes_nothing(self, thing: Thing) -> None:
        gone = thing.deleted()
        first = thing.restore(gone.tag)
        for tag in (gone.tag, first.headers["ETag"], "*"):
            again = thing.restore(tag)
            assert (again.status, again.body) == (200, first.body)
            assert again.headers["ETag"] == first.headers["ETag"]
        assert thing.restore(thing.tag).status == 412

    @pytest.mark.promise("L8", "D4")
    def test_of_what_was_never_deleted_is_refused(self, thing: Thing) -> None:
        stale = thing.restore('"x"')
        assert (stale.status, stale.headers["ETag"]) == (412, thing.tag)
        for tag in (thing.tag, "*"):
            answer = thing.restore(tag)
            assert (answer.status, answer.code) == (409, "not-deleted")

    @pytest.mark.promise("D5")
    def test_needs_the_tag_of_the_deletion(self, thing: Thing) -> None:
        gone = thing.deleted()
        answer = thing.restore(thing.tag)
        assert (answer.status, answer.headers["ETag"]) == (412, gone.tag)


class TestASuccessor:
    @pytest.mark.promise("D2", "D4")
    def test_of_a_product_has_its_sku_and_keeps_it(self, product: Thing, api: CheckedClient) -> None:
        gone = product.deleted()
        successor = api.post("/v1/products", {"sku": "TEA-1", "name": "New"}, idempotency_key="new")
        assert successor.status == 201
        refused = product.restore(gone.tag)
        assert (refused.status, refused.code) == (409, "sku-taken")
        assert "'TEA-1'" in refused.json["detail"]
        assert api.get("/v1/products/TEA-1").json == successor.json
        assert api.get("/v1/products?deleted=only").json["items"][0]["version"] == 2

    @pytest.mark.promise("D2", "D4")
    def test_of_a_device_has_its_name_and_keeps_it(self, device: Thing, api: CheckedClient) -> None:
        gone = device.deleted()
        successor = api.post("/v1/devices", {"name": "pump-7"}, idempotency_key="new")
        assert successor.status == 201
        refused = device.restore(gone.tag)
        assert (refused.status, refused.code) == (409, "device-name-taken")
        assert api.get("/v1/devices?name=pump-7").json["items"] == [successor.json]
        assert len(api.get("/v1/devices?name=pump-7&deleted=with").json["items"]) == 2
        assert api.get("/v1/devices?name=pump-8").json["items"] == []

    @pytest.mark.promise("D5", "L2")
    def test_is_not_deleted_by_the_repetition_of_its_predecessors_deletion(
        self, product: Thing, api: CheckedClient
    ) -> None:
        gone = product.deleted()
        successor = api.post("/v1/products", {"sku": "TEA-1", "name": "New"}, idempotency_key="new")
        for tag in (product.tag, gone.tag):
            again = api.delete(product.path, if_match=tag)
            assert (again.status, again.headers["ETag"]) == (204, gone.tag)
        assert api.get("/v1/products/TEA-1").json == successor.json

    @pytest.mark.promise("D2")
    def test_deleted_in_turn_is_the_one_that_a_restoration_means(
        self, product: Thing, api: CheckedClient
    ) -> None:
        product.deleted()
        successor = api.post("/v1/products", {"sku": "TEA-1", "name": "New"}, idempotency_key="new")
        Thing(api, product.path, successor.headers["ETag"]).deleted()
        restored = product.restore("*")
        assert (restored.json["id"], restored.json["name"]) == (successor.json["id"], "New")

    @pytest.mark.promise("D2", "D4")
    def test_of_an_order_has_its_reference_and_keeps_it(self, order: Thing, api: CheckedClient) -> None:
        gone = order.deleted()
        wish = {**ORDER, "reference": "PO-1"}
        successor = api.post("/v1/orders", wish, idempotency_key="new")
        assert successor.status == 201
        refused = order.restore(gone.tag, idempotency_key="r")
        assert (refused.status, refused.code) == (409, "reference-taken")
        replayed = order.restore(gone.tag, idempotency_key="r")
        assert (replayed.body, replayed.headers["Idempotent-Replayed"]) == (refused.body, "true")
        assert api.get(order.path).headers["ETag"] == gone.tag
        assert api.post("/v1/orders", wish, idempotency_key="third").status == 409


class TestAnotherTenant:
    @pytest.mark.promise("A1", "D1")
    def test_sees_no_deleted_thing(self, thing: Thing, new_token: Callable[..., str]) -> None:
        gone = thing.deleted()
        stranger = thing.api.as_(new_token(tenant="others"))
        assert stranger.get(thing.path).status == 404
        assert stranger.delete(thing.path, if_match=gone.tag).status == 404
        assert Thing(stranger, thing.path, gone.tag).restore(gone.tag).status == 404
        assert stranger.get(f"{thing.path.rpartition('/')[0]}?deleted=with").json["items"] == []
