"""The operations that have to behave alike, as parameters of a test."""

from __future__ import annotations

import pytest

from entrypoints.http_messages.operations import OPERATIONS

_NAMES = {
    "{sku}", "{order_id}", "{message_id}", "{payment_id}", "{saga_id}", "{device_id}", "{reject_id}", "{intake_id}",
}  # fmt: skip

every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
every_change = pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if one.body is not None], ids=lambda operation: operation.id
)
every_keyed = pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if one.takes_key], ids=lambda operation: operation.id
)
every_versioned = pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if one.needs_version], ids=lambda operation: operation.id
)
on_one_thing = pytest.mark.parametrize(
    "operation",
    [one for one in OPERATIONS if _NAMES & set(one.path.split("/"))],
    ids=lambda operation: operation.id,
)
