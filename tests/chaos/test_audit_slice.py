"""Whatever an audit says is wrong, or can't say, is a difference."""

from __future__ import annotations

from typing import Any

import pytest

from chaos.audit_slice import faults_of

CLEAN: dict[str, Any] = {"differences": [], "undecided": [], "ledger_asked": True, "ledger_not_asked": None}


def test_a_clean_audit_has_no_fault() -> None:
    assert faults_of(CLEAN, 0) == []


@pytest.mark.parametrize(
    ("changes", "status", "fault"),
    [
        ({"differences": [{"sentence": "E9 acme: order 7 …"}]}, 1, "E9 acme: order 7 …"),
        ({"undecided": ["7"]}, 2, "order 7 could not be decided"),
        ({"ledger_asked": False, "ledger_not_asked": "away"}, 2, "the gateway's ledger was not asked: away"),
        ({}, 1, "the audit ended with status 1 and names no fault"),
    ],
)
def test_a_fault_is_named(changes: dict[str, Any], status: int, fault: str) -> None:
    assert faults_of(CLEAN | changes, status) == [fault]
