"""Bodies to commands."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.orders.place_order import PlaceOrder, PlaceOrderLine
from application.orders.return_order_lines import ReturnOrderLine
from domain.errors import DomainError, InvalidInput
from entrypoints.http_messages.body_rules import EXAMPLES, RULES
from entrypoints.http_messages.operations import OPERATIONS
from entrypoints.http_messages.order_operations import AMEND_ORDER, PLACE_ORDER
from entrypoints.http_messages.request_errors import MalformedBody

DECODERS = [operation.body for operation in OPERATIONS if operation.body is not None]
EXAMPLE = EXAMPLES["PlaceOrder"][0]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


class TestADecoder:
    @pytest.mark.parametrize("decoder", DECODERS, ids=lambda decoder: decoder.struct.__name__)
    def test_takes_its_examples(self, decoder: Any) -> None:
        for example in decoder.examples:
            fields, _ = decoder.decode(json.dumps(example).encode())
            assert {name: fields[name] for name in example if name != "lines"} == {
                name: value for name, value in example.items() if name != "lines"
            }

    def test_makes_the_very_command(self) -> None:
        assert PLACE_ORDER.body is not None
        fields, _ = PLACE_ORDER.body.decode(json.dumps(EXAMPLE).encode())
        assert PlaceOrder(**fields) == PlaceOrder(
            customer_ref="c-17",
            currency="EUR",
            lines=(PlaceOrderLine(sku="TEA-1", quantity=2, unit_price="4.20"),),
            payment_method="tok_visa",
        )

    def test_reads_every_field_that_has_a_rule_and_no_other(self) -> None:
        assert AMEND_ORDER.body is not None
        assert set(AMEND_ORDER.body.struct.__struct_fields__) == {"note", "address"}
        known = {
            f"{decoder.struct.__name__}.{name}"
            for decoder in DECODERS
            for name in decoder.struct.__struct_fields__
        }
        lines = {
            f"{part.__name__}.{field.name}"
            for part in (PlaceOrderLine, ReturnOrderLine)
            for field in dataclasses.fields(part)
        }
        assert RULES.keys() == known | lines

    @pytest.mark.promise("H5")
    @given(st.randoms(use_true_random=False), st.sampled_from([None, 1, 4]))
    def test_sees_one_content_in_every_writing(self, chance: random.Random, indent: int | None) -> None:
        assert PLACE_ORDER.body is not None
        names = list(EXAMPLE)
        chance.shuffle(names)
        written = json.dumps({name: EXAMPLE[name] for name in names}, indent=indent).encode()
        assert PLACE_ORDER.body.decode(written) == PLACE_ORDER.body.decode(json.dumps(EXAMPLE).encode())

    @pytest.mark.promise("H3")
    @given(st.text(max_size=20), st.text(max_size=20))
    def test_sees_two_contents_in_two_texts(self, one: str, other: str) -> None:
        assert AMEND_ORDER.body is not None
        try:
            bodies = [
                AMEND_ORDER.body.decode(json.dumps({"note": note}).encode())[1] for note in (one, other)
            ]
        except DomainError:
            return
        assert (bodies[0] == bodies[1]) == (one == other)

    @given(json_values)
    def test_refuses_whatever_else_it_is_given(self, value: Any) -> None:
        raw = json.dumps(value).encode()
        for decoder in DECODERS:
            with contextlib.suppress(InvalidInput, MalformedBody):
                fields, _ = decoder.decode(raw)
                assert set(fields) == set(decoder.struct.__struct_fields__)

    @given(st.binary(max_size=200))
    def test_refuses_bytes_without_failing(self, raw: bytes) -> None:
        for decoder in DECODERS:
            with pytest.raises((InvalidInput, MalformedBody)):
                decoder.decode(raw + b"x")
