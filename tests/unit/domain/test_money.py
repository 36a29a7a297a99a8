"""Money: exact, in every currency's own minor unit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.money import AMOUNT_MINOR_MAX, CURRENCIES, Money, decimals_of

ONE_OF_EACH_EXPONENT = {0: "JPY", 2: "EUR", 3: "TND"}


class TestAnAmount:
    @given(minor=st.integers(0, AMOUNT_MINOR_MAX), currency=st.sampled_from(sorted(CURRENCIES)))
    def test_is_read_as_it_is_written(self, minor: int, currency: str) -> None:
        money = Money(minor, currency)
        assert Money.parse(str(money), currency) == money

    @given(minor=st.integers(0, AMOUNT_MINOR_MAX), currency=st.sampled_from(sorted(CURRENCIES)))
    def test_is_written_with_the_decimals_of_its_currency(self, minor: int, currency: str) -> None:
        _, point, decimals = str(Money(minor, currency)).partition(".")
        assert len(decimals) == decimals_of(currency)
        assert bool(point) == bool(decimals)

    @pytest.mark.parametrize(
        ("text", "currency", "minor"),
        [
            ("4.20", "EUR", 420),
            ("4.2", "EUR", 420),
            ("4", "EUR", 400),
            ("4.2000", "EUR", 420),
            ("0", "EUR", 0),
            ("007", "EUR", 700),
            ("420", "JPY", 420),
            ("420.0", "JPY", 420),
            ("4.205", "TND", 4205),
            ("1000000000000000", "JPY", AMOUNT_MINOR_MAX),
        ],
    )
    def test_is_read_in_minor_units(self, text: str, currency: str, minor: int) -> None:
        assert Money.parse(text, currency) == Money(minor, currency)

    @pytest.mark.parametrize(
        "text",
        [
            *("", " 1", "1 ", "1\n", "1.", ".5", "-1", "+1", "1,00", "1_000", "1.2.3", "1e2", "0x10", "NaN"),
            *("Infinity", "١", "1.00001", "1" * 17, "10000000000000.01", "9999999999999999"),
        ],
    )
    def test_is_refused_when_it_is_no_plain_decimal(self, text: str) -> None:
        with pytest.raises(InvalidInput) as refusal:
            Money.parse(text, "EUR", field="lines[3].unit_price")
        assert refusal.value.data["field"] == "lines[3].unit_price"

    @pytest.mark.parametrize(("text", "currency"), [("4.205", "EUR"), ("4.20", "JPY"), ("4.2055", "TND")])
    def test_is_never_rounded(self, text: str, currency: str) -> None:
        with pytest.raises(InvalidInput, match="has more decimals than"):
            Money.parse(text, currency)

    @pytest.mark.parametrize("minor", [-1, AMOUNT_MINOR_MAX + 1])
    def test_lies_within_its_bounds(self, minor: int) -> None:
        with pytest.raises(InvalidInput) as refusal:
            Money(minor, "EUR")
        assert refusal.value.data["field"] == "amount"

    @pytest.mark.parametrize("currency", ["eur", "EURO", "", "XXX"])
    def test_has_a_known_currency(self, currency: str) -> None:
        for make in (
            lambda: Money(1, currency),
            lambda: Money.parse("1", currency),
            lambda: Money.zero(currency),
        ):
            with pytest.raises(InvalidInput) as refusal:
                make()
            assert refusal.value.data["field"] == "currency"

    def test_adds_up_and_multiplies(self) -> None:
        assert Money(420, "EUR") + Money(5, "EUR") == Money(425, "EUR")
        assert Money(420, "EUR") * 3 == Money(1260, "EUR")

    def test_adds_up_in_one_currency_alone(self) -> None:
        with pytest.raises(InvalidInput, match="EUR and USD cannot be added"):
            Money(1, "EUR") + Money(1, "USD")


class TestTheCurrencies:
    def test_have_their_iso_4217_exponents(self) -> None:
        assert {decimals_of(currency) for currency in CURRENCIES} == set(ONE_OF_EACH_EXPONENT)
        assert all(decimals_of(currency) == n for n, currency in ONE_OF_EACH_EXPONENT.items())
        assert all(len(currency) == 3 and currency.isupper() for currency in CURRENCIES)
