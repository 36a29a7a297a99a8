"""Errors: their codes are public API, and a stored refusal comes back word for word."""

from __future__ import annotations

import importlib
import pkgutil
from typing import cast

import pytest

import domain
from domain.errors import DomainError, InvalidInput, RuleViolation, StaleObjectError

# The codes that clients may rely on. A code is never renamed or taken away; adding one adds a line.
CODES = """
    access.NotAuthenticated not-authenticated
    access.ScopeMissing scope-missing
    access.TenantNameTaken tenant-name-taken
    access.TokenNotActive token-not-active
    errors.InvalidInput invalid-input
    errors.NotFound not-found
    errors.Gone gone
    errors.Conflict conflict
    errors.RuleViolation rule-violation
    errors.StaleObjectError stale-object-error
    errors.AggregateSpent aggregate-spent
    idempotency.RequestInProgress request-in-progress
    idempotency.KeyReused key-reused
    inventory.product.SkuTaken sku-taken
    inventory.product.UnknownSku unknown-sku
    inventory.stock_item.InsufficientStock insufficient-stock
    inventory.stock_item.StockLimitReached stock-limit-reached
    inventory.stock_item.AlreadyReserved already-reserved
    inventory.stock_item.NotReserved not-reserved
    inventory.stock_item.NotSold not-sold
    inventory.stock_item.StockHeld stock-held
    orders.order.OrderStatusForbids order-status-forbids
    orders.order.ReferenceTaken reference-taken
    orders.order.OrderTotalTooLarge order-total-too-large
    orders.order.ReturnTooLarge return-too-large
    payments.payment.PaymentStatusForbids payment-status-forbids
    payments.payment.RefundTooLarge refund-too-large
    payments.payment.TooManyPaymentTries too-many-payment-tries
    payments.payment.TooManyRefunds too-many-refunds
    saga.saga.PastThePivot past-the-pivot
    saga.saga.SagaEnded saga-ended
    saga.saga.SagaNotWaiting saga-not-waiting
    saga.saga.StepNotParked step-not-parked
    saga.saga.StepNotSkippable step-not-skippable
    telemetry.device.DeviceNameTaken device-name-taken
    telemetry.rejects.RejectReplayed reject-replayed
    telemetry.rejects.RejectUnreadable reject-unreadable
    telemetry.batch.BatchRefused batch-refused
    telemetry.batch.TooManyRejects too-many-rejects
    telemetry.intake.IntakeEnded intake-ended
    telemetry.intake.TooManyIntakes too-many-intakes
    soft_deletion.NotDeleted not-deleted
    soft_deletion.GoneForGood gone-for-good
    soft_deletion.StillRetained still-retained
"""

EXAMPLES: list[tuple[str, dict[str, object], str]] = [
    (
        "order-status-forbids",
        {"status": "shipped", "action": "cancelled", "allowed": "pending"},
        "The order is shipped; it can be cancelled only while it is pending.",
    ),
    (
        "sku-taken",
        {"sku": "TEA-1"},
        "The SKU 'TEA-1' belongs to another product; every live product has its own.",
    ),
    (
        "reference-taken",
        {"reference": "PO-1"},
        "The reference 'PO-1' belongs to another order; every order has its own.",
    ),
    (
        "unknown-sku",
        {"field": "lines[0].sku", "sku": "X"},
        "lines[0].sku: no product has the SKU 'X'; create it first.",
    ),
    ("insufficient-stock", {"sku": "X", "requested": 2, "on_hand": 1}, "X: 2 wanted, 1 on hand."),
    ("invalid-input", {"field": "note", "problem": "is too {long}"}, "note: is too {long}"),
    (
        "stale-object-error",
        {"kind": "order", "id": "7", "current_version": 3},
        "The order 7 has changed since it was read; it is at version 3 now. Read it again.",
    ),
]


def domain_errors() -> dict[str, type[DomainError]]:
    """The errors of the whole domain by code; other layers and tests may define more."""
    for module in pkgutil.walk_packages(domain.__path__, "domain."):
        importlib.import_module(module.name)
    return {
        code: error for code, error in DomainError.known().items() if error.__module__.startswith("domain.")
    }


class TestTheCodes:
    def test_are_those_that_were_published(self) -> None:
        published = {code: name for name, code in map(str.split, CODES.strip().splitlines())}
        assert {
            code: f"{error.__module__.removeprefix('domain.')}.{error.__name__}"
            for code, error in domain_errors().items()
        } == published

    def test_are_taken_once(self) -> None:
        with pytest.raises(TypeError, match="share the code 'not-found'"):
            type("NotFound", (RuleViolation,), {})


class TestAnError:
    @pytest.mark.parametrize(("code", "data", "words"), EXAMPLES)
    def test_comes_back_from_the_store_word_for_word(
        self, code: str, data: dict[str, object], words: str
    ) -> None:
        error = DomainError.from_stored(code, data)
        assert (error.code, error.data, str(error)) == (code, data, words)
        assert str(DomainError.from_stored(error.code, error.data)) == words

    @pytest.mark.parametrize("code", sorted(domain_errors()))
    def test_has_words_that_are_a_sentence(self, code: str) -> None:
        words = cast(str, domain_errors()[code].__doc__)
        assert words.endswith(".") or code == "invalid-input"

    def test_of_no_known_code_does_not_exist(self) -> None:
        with pytest.raises(KeyError):
            DomainError.from_stored("never-heard-of", {})

    def test_carries_further_data(self) -> None:
        assert InvalidInput(field="f", problem="p", hint="h").data == {
            "field": "f",
            "problem": "p",
            "hint": "h",
        }


class TestARefusalForGood:
    @pytest.mark.promise("H7", "H8")
    def test_is_a_rule_or_a_lasting_conflict(self) -> None:
        final = {code for code, error in domain_errors().items() if error.final}
        assert final == {
            "already-reserved",
            "conflict",
            "device-name-taken",
            "insufficient-stock",
            "not-deleted",
            "not-reserved",
            "not-sold",
            "order-status-forbids",
            "order-total-too-large",
            "past-the-pivot",
            "payment-status-forbids",
            "reference-taken",
            "reject-unreadable",
            "refund-too-large",
            "return-too-large",
            "rule-violation",
            "saga-ended",
            "saga-not-waiting",
            "sku-taken",
            "step-not-parked",
            "step-not-skippable",
            "still-retained",
            "stock-held",
            "stock-limit-reached",
            "tenant-name-taken",
            "token-not-active",
            "too-many-payment-tries",
            "too-many-refunds",
            "unknown-sku",
        }
        assert not StaleObjectError.final
