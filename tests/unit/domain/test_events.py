"""Events: names and schema versions are stored for good, and every class survives the codec."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.row_mapping.json_codec import event_from_data, event_to_data, redacted_data
from builders import NOON
from domain.event import Event, event, event_class, event_classes
from domain.inventory import events as inventory_events
from domain.orders import events as order_events
from domain.payments import events as payment_events
from domain.saga import events as saga_events
from domain.telemetry import events as telemetry_events
from domain.telemetry import intake_events

# What the store may hold, with the fields of each schema. No entry is ever changed: a new shape is a new one.
SCHEMAS = {
    ("order.placed", 1): {
        "customer_ref",
        "currency",
        "lines",
        "payment_method",
        "ordered_at",
        "reference",
        "email",
        "note",
        "address",
    },
    ("order.amended", 1): {"note", "address"},
    ("order.payment_declined", 1): {"reason"},
    ("order.payment_tried_again", 1): {"payment_method"},
    ("order.confirmed", 1): set(),
    ("order.cancelled", 1): {"reason"},
    ("order.shipped", 1): set(),
    ("order.delivered", 1): set(),
    ("order.returned", 1): {"lines", "reason"},
    ("order.deleted", 1): {"deletion_id", "actor", "reason"},
    ("order.restored", 1): {"deletion_id"},
    ("order.purged", 1): set(),
    ("product.created", 1): {"sku", "name"},
    ("product.renamed", 1): {"name"},
    ("product.deleted", 1): {"deletion_id", "actor", "reason"},
    ("product.restored", 1): {"deletion_id"},
    ("stock.opened", 1): {"product_id", "sku"},
    ("stock.received", 1): {"quantity"},
    ("stock.adjusted", 1): {"delta", "reason"},
    ("stock.reserved", 1): {"order_id", "quantity"},
    ("stock.released", 1): {"order_id", "quantity"},
    ("stock.sold", 1): {"order_id", "quantity"},
    ("stock.returned", 1): {"order_id", "quantity"},
    ("stock.deleted", 1): {"deletion_id", "actor", "reason"},
    ("stock.restored", 1): {"deletion_id"},
    ("device.registered", 1): {"name", "description", "automatic"},
    ("device.described", 1): {"description"},
    ("device.deleted", 1): {"deletion_id", "actor", "reason"},
    ("device.restored", 1): {"deletion_id"},
    ("intake.received", 1): {"form", "precision", "device", "metric", "mode", "size_bytes"},
    ("intake.loaded", 1): {"accepted", "duplicate", "conflict", "rejected", "faults"},
    ("intake.refused", 1): {"code", "detail", "faults"},
    ("payment.requested", 1): {"order_id", "attempt", "amount_minor", "currency", "method"},
    ("payment.unclear", 1): set(),
    ("payment.authorised", 1): {"gateway_id"},
    ("payment.declined", 1): {"reason"},
    ("payment.captured", 1): set(),
    ("payment.voided", 1): set(),
    ("payment.refund_requested", 1): {"refund_id", "amount_minor", "reason"},
    ("payment.refunded", 1): {"refund_id", "amount_minor"},
    ("payment.refund_declined", 1): {"refund_id", "reason"},
    ("saga.started", 1): {"definition", "subject_id", "deadline_at"},
    ("saga.step_succeeded", 1): {"step", "attempt", "result"},
    ("saga.step_refused", 1): {"step", "attempt", "reason"},
    ("saga.step_put_off", 1): {"step", "attempt", "direction", "error", "is_unclear", "due_at"},
    ("saga.step_parked", 1): {"step", "attempt", "direction", "error"},
    ("saga.attempt_began", 1): {"step", "attempt"},
    ("saga.compensation_began", 1): {"reason"},
    ("saga.step_undone", 1): {"step", "attempt", "had_effect"},
    ("saga.effect_found", 1): {"step", "attempt", "result"},
    ("saga.repaired", 1): {"step", "direction", "how", "operator", "reason"},
    ("saga.completed", 1): set(),
    ("saga.compensated", 1): set(),
}


SAYS_NOTHING_OF_A_PERSON = {
    "sku", "name", "currency", "order.deleted.actor", "product.deleted.actor", "stock.deleted.actor",
    # Why an operator moved stock, or deleted a product: about goods.
    "stock.adjusted.reason",
    # Steps are of the definition, results are the gateway's numbers, refusals its codes; operators repair.
    "definition", "step", "direction", "how", "operator", "result", "saga.step_refused.reason",
    # Devices are things, and their deletion is about them.
    "device.registered.description", "device.described.description", "device.deleted.actor", "device.deleted.reason",
    # How a batch of readings is written, and what is wrong with it; readings are of devices.
    "form", "precision", "mode", "intake.received.device", "intake.received.metric", "code", "intake.refused.detail",
    # The gateway's codes and numbers.
    "gateway_id", "payment.declined.reason", "payment.refund_declined.reason", "order.payment_declined.reason",
}  # fmt: skip
"""Texts of events that a purge leaves: what is sold, and which operator acted."""


def the_events() -> list[type[Event]]:
    """The domain's event classes."""
    modules = {
        inventory_events.__name__,
        order_events.__name__,
        saga_events.__name__,
        payment_events.__name__,
        telemetry_events.__name__,
        intake_events.__name__,
    }
    return [cls for cls in event_classes() if cls.__module__ in modules]


st.register_type_strategy(datetime, st.datetimes(timezones=st.just(UTC)))
st.register_type_strategy(str, st.text(st.characters(codec="utf-8")))


def any_event() -> st.SearchStrategy[Event]:
    """Any event with any fields."""
    return st.one_of([st.builds(cls, **_any_fields(cls)) for cls in the_events()])


def _any_fields(cls: type[Event]) -> dict[str, st.SearchStrategy[Any]]:
    hints = get_type_hints(cls)
    return {field.name: st.from_type(hints[field.name]) for field in dataclasses.fields(cls)}


class TestTheWireNames:
    def test_are_those_that_may_be_stored(self) -> None:
        assert {
            (cls.wire_name, cls.schema_version): {field.name for field in dataclasses.fields(cls)}
            - {"occurred_at"}
            for cls in the_events()
        } == SCHEMAS

    @pytest.mark.parametrize("name", sorted(SCHEMAS))
    def test_lead_to_a_class(self, name: tuple[str, int]) -> None:
        cls = event_class(*name)
        assert (cls.wire_name, cls.schema_version) == name

    def test_are_taken_once(self) -> None:
        with pytest.raises(ValueError, match=r"order\.placed v1 is already OrderPlaced"):
            event("order.placed")(Event)

    @pytest.mark.parametrize("name", [("order.vanished", 1), ("order.placed", 2)])
    def test_that_are_unknown_are_named(self, name: tuple[str, int]) -> None:
        with pytest.raises(LookupError, match=rf"no event class is registered for {name[0]} v{name[1]}"):
            event_class(*name)


class TestAText:
    @pytest.mark.promise("D7")
    def test_of_an_event_is_personal_or_known_to_be_harmless(self) -> None:
        undecided = {
            f"{cls.wire_name}.{field.name}"
            for cls in the_events()
            for field in dataclasses.fields(cls)
            if "str" in str(field.type) and field.name not in cls.personal
        }
        names = {place for place in undecided if place.rpartition(".")[2] not in SAYS_NOTHING_OF_A_PERSON}
        assert names <= SAYS_NOTHING_OF_A_PERSON

    @pytest.mark.promise("D7")
    @given(event=any_event())
    def test_that_is_personal_can_be_replaced_in_what_is_stored(self, event: Event) -> None:
        data = redacted_data(event.wire_name, event.schema_version, event_to_data(event))
        redacted = event_from_data(event.wire_name, event.schema_version, event.occurred_at, data)
        assert {name: getattr(redacted, name) for name in event.personal} == dict(event.personal)
        assert redacted == dataclasses.replace(event, **event.personal)


class TestTheCodec:
    @given(event=any_event())
    def test_gives_every_event_back(self, event: Event) -> None:
        data = json.loads(json.dumps(event_to_data(event)))
        assert "occurred_at" not in data
        assert event_from_data(event.wire_name, event.schema_version, event.occurred_at, data) == event

    def test_writes_plain_json(self) -> None:
        placed = order_events.OrderPlaced(
            occurred_at=NOON,
            customer_ref="c-17",
            currency="EUR",
            lines=(),
            payment_method="tok",
            ordered_at=NOON,
            reference=None,
            email=None,
            note="",
            address="",
        )
        assert event_to_data(placed) == {
            "customer_ref": "c-17",
            "currency": "EUR",
            "lines": [],
            "payment_method": "tok",
            "ordered_at": "2026-01-01T12:00:00Z",
            "reference": None,
            "email": None,
            "note": "",
            "address": "",
        }

    @pytest.mark.parametrize("data", [{}, {"quantity": "1"}, {"quantity": None}])
    def test_refuses_data_that_does_not_fit(self, data: dict[str, object]) -> None:
        with pytest.raises(ValueError, match="quantity"):
            event_from_data("stock.received", 1, NOON, data)
