"""What the plain shop can do: a new operation of the service is one more line of COMMANDS."""

from __future__ import annotations

from typing import Any

from fuzz.shop_model import Change, Command, Expected, Fields, Refusal, Shop, Thing

DECIMALS = {"EUR": 2, "JPY": 0, "KWD": 3}
TOTAL_MINOR_MAX = 10**15


def _create_product(shop: Shop, _: None, body: Fields) -> Expected:
    if shop.live_product(body["sku"]) is not None:
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
    if any(shop.live_product(line["sku"]) is None for line in body["lines"]):
        return Refusal(422, "unknown-sku", is_final=True)
    total = sum(price * line["quantity"] for price, line in zip(prices, body["lines"], strict=True) if price)
    if total > TOTAL_MINOR_MAX:
        return Refusal(422, "order-total-too-large", is_final=True)
    reference = body.get("reference")
    if _is_taken(shop, reference):
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


def _is_taken(shop: Shop, reference: str | None) -> bool:
    live = [one.now["reference"] for one in shop.orders if not one.is_deleted]
    return reference is not None and reference in live


def _amend(shop: Shop, order: Thing, body: Fields) -> Expected:
    if order.now["status"] not in {"pending", "confirmed"}:
        return Refusal(422, "order-status-forbids", is_final=True)
    return _changed(order, "order.amended", note=body.get("note"), address=body.get("address"))


def _cancel(shop: Shop, order: Thing, body: Fields) -> Expected:
    if order.now["status"] != "pending":
        return Refusal(422, "order-status-forbids", is_final=True)
    return _changed(order, "order.cancelled", status="cancelled", cancel_reason=body["reason"])


def _ship(shop: Shop, order: Thing, _: Fields) -> Expected:
    if order.now["status"] != "confirmed":
        return Refusal(422, "order-status-forbids", is_final=True)
    return _changed(order, "order.shipped", status="shipped")


def _deliver(shop: Shop, order: Thing, _: Fields) -> Expected:
    if order.now["status"] != "shipped":
        return Refusal(422, "order-status-forbids", is_final=True)
    return _changed(order, "order.delivered", status="delivered")


def _take_back(shop: Shop, order: Thing, body: Fields) -> Expected:
    """Pieces come off the first line of their SKU that has some left."""
    if order.now["status"] != "delivered":
        return Refusal(422, "order-status-forbids", is_final=True)
    lines = [dict(line) for line in order.now["lines"]]
    for back in body["lines"]:
        missing = back["quantity"]
        for line in lines:
            if line["sku"] == back["sku"]:
                part = min(missing, line["quantity"] - line["returned"])
                line["returned"] += part
                missing -= part
        if missing:
            return Refusal(422, "return-too-large", is_final=True)
    return _changed(order, "order.returned", lines=lines)


def _delete_order(shop: Shop, order: Thing, if_match: str) -> Expected:
    if order.is_deleted:
        repeats = order.last_was("order.deleted", if_match)
        return Change(order, order.now, None) if repeats else Refusal(410, "gone", tag=order.tag)
    if not order.accepts(if_match):
        return Refusal(412, "stale-object-error", tag=order.tag)
    if order.now["status"] not in {"cancelled", "delivered"}:
        return Refusal(422, "order-status-forbids", is_final=True)
    return _hidden(order, "order.deleted")


def _restore_order(shop: Shop, order: Thing, if_match: str) -> Expected:
    if not order.is_deleted and order.last_was("order.restored", if_match):
        return Change(order, order.now, None)
    if not order.accepts(if_match):
        return Refusal(412, "stale-object-error", tag=order.tag)
    if not order.is_deleted:
        return Refusal(409, "not-deleted", is_final=True)
    if _is_taken(shop, order.now["reference"]):
        return Refusal(409, "reference-taken", is_final=True)
    return _shown(order, "order.restored")


def _delete_product(shop: Shop, product: Thing, if_match: str) -> Expected:
    if product.is_deleted:
        repeats = product.last_was("product.deleted", if_match)
        return Change(product, product.now, None) if repeats else Refusal(410, "gone", tag=product.tag)
    if product.accepts(if_match):
        return _hidden(product, "product.deleted")
    earlier = shop.latest_deleted(product.now["sku"])
    if earlier is not None and earlier.last_was("product.deleted", if_match):
        return Change(earlier, earlier.now, None)
    return Refusal(412, "stale-object-error", tag=product.tag)


def _restore_product(shop: Shop, product: Thing, if_match: str) -> Expected:
    """The SKU means the one that was deleted last, even when a successor has it."""
    if not product.is_deleted and product.last_was("product.restored", if_match):
        return Change(product, product.now, None)
    wanted = shop.latest_deleted(product.now["sku"]) or product
    if not wanted.accepts(if_match):
        return Refusal(412, "stale-object-error", tag=wanted.tag)
    if not wanted.is_deleted:
        return Refusal(409, "not-deleted", is_final=True)
    if shop.live_product(product.now["sku"]) is not None:
        return Refusal(409, "sku-taken", is_final=True)
    return _shown(wanted, "product.restored")


def _hidden(thing: Thing, event: str) -> Change:
    kept = {name: value for name, value in thing.now.items() if name not in {"updated_at", "deleted_at"}}
    return Change(thing, {**kept, "version": thing.now["version"] + 1}, event)


def _shown(thing: Thing, event: str) -> Change:
    return Change(thing, {**_hidden(thing, event).fields, "deleted_at": None}, event)


def _minor(text: str, decimals: int) -> int | None:
    """A decimal text in minor units; None if it has more decimals than the currency."""
    whole, _, rest = text.partition(".")
    if rest[decimals:].strip("0"):
        return None
    return int(whole + rest[:decimals].ljust(decimals, "0"))


def _decimal(minor: int, decimals: int) -> str:
    digits = str(minor).rjust(decimals + 1, "0")
    return f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits


def _has_reason(body: Fields) -> bool:
    return body.get("reason", "") != ""


def _has_lines(body: Fields) -> bool:
    return body["lines"] != [] and all(line["quantity"] > 0 for line in body["lines"])


COMMANDS = {
    "create product": Command(
        "POST", "/v1/products", is_well_formed=lambda body: body["name"] != "", run=_create_product, status=201
    ),
    "rename product": Command(
        "PATCH", "/v1/products/{}", "product",
        is_well_formed=lambda body: body.get("name") != "", run=_rename, needs_key=False, needs_tag=True,
    ),
    "receive stock": Command(
        "POST", "/v1/products/{}/receipts", "product", on_stock=True,
        is_well_formed=lambda body: body["quantity"] > 0, run=_receive,
    ),
    "adjust stock": Command(
        "POST", "/v1/products/{}/adjustments", "product", on_stock=True,
        is_well_formed=_has_reason, run=_adjust,
    ),
    "delete product": Command(
        "DELETE", "/v1/products/{}", "product", run_anyhow=_delete_product, status=204, needs_key=False,
        needs_tag=True, has_body=False,
    ),
    "restore product": Command(
        "POST", "/v1/products/{}/restore", "product", run_anyhow=_restore_product, needs_key=False, needs_tag=True,
        has_body=False,
    ),
    "place order": Command("POST", "/v1/orders", is_well_formed=_has_lines, run=_place, status=201),
    "amend order": Command("PATCH", "/v1/orders/{}", "order", run=_amend, needs_key=False, needs_tag=True),
    "cancel order": Command(
        "POST", "/v1/orders/{}/cancel", "order", is_well_formed=_has_reason, run=_cancel, needs_tag=True
    ),
    "ship order": Command("POST", "/v1/orders/{}/ship", "order", run=_ship, needs_tag=True, has_body=False),
    "deliver order": Command(
        "POST", "/v1/orders/{}/deliver", "order", run=_deliver, needs_tag=True, has_body=False
    ),
    "take back": Command(
        "POST", "/v1/orders/{}/returns", "order", run=_take_back, needs_tag=True,
        is_well_formed=lambda body: _has_reason(body) and _has_lines(body),
    ),
    "delete order": Command(
        "DELETE", "/v1/orders/{}", "order", run_anyhow=_delete_order, status=204, needs_key=False, needs_tag=True,
        has_body=False,
    ),
    "restore order": Command(
        "POST", "/v1/orders/{}/restore", "order", run_anyhow=_restore_order, needs_key=False, needs_tag=True,
        has_body=False,
    ),
}  # fmt: skip
