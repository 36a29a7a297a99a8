"""Money: whole minor units of one currency, so that sums are exact."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Self

from domain.errors import InvalidInput

_DECIMALS_BY_CURRENCY: Final = {
    **dict.fromkeys(
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF "
        "CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF "
        "IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR "
        "MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD "
        "SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD YER "
        "ZAR ZMW".split(),
        2,
    ),
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
}
"""Decimals of the minor unit by currency (ISO 4217)."""

AMOUNT_MINOR_MAX: Final = 10**15
"""The largest amount of one price or total, in minor units; far inside a signed 64-bit integer."""

AMOUNT_PATTERN: Final = r"^[0-9]{1,16}(\.[0-9]{1,4})?$"
"""A plain decimal; how many decimals it may have depends on the currency."""
CURRENCIES: Final = frozenset(_DECIMALS_BY_CURRENCY)

_PLAIN_DECIMAL: Final = re.compile(AMOUNT_PATTERN.removesuffix("$"), re.ASCII)


def decimals_of(currency: str) -> int:
    """How many decimals the currency's minor unit has (ISO 4217). Raises InvalidInput for an unknown code."""
    try:
        return _DECIMALS_BY_CURRENCY[currency]
    except KeyError:
        raise InvalidInput(
            field="currency", problem=f"{currency!r} is no ISO 4217 code that is known here"
        ) from None


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of `minor` units (cents, yen, fils) of `currency`; never negative, at most AMOUNT_MINOR_MAX."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        decimals_of(self.currency)
        if not 0 <= self.minor <= AMOUNT_MINOR_MAX:
            raise InvalidInput(
                field="amount", problem=f"must lie between 0 and {AMOUNT_MINOR_MAX} minor units"
            )

    @classmethod
    def zero(cls, currency: str) -> Self:
        """Nothing at all, of that currency."""
        return cls(0, currency)

    @classmethod
    def parse(cls, text: str, currency: str, *, field: str = "amount") -> Self:
        """Read a plain decimal such as "4.20". Raises InvalidInput, naming `field`, for anything else.

        More decimals than the currency has are refused, not rounded: "4.205" EUR and "4.20" JPY name no amount.
        """
        decimals = decimals_of(currency)
        if not _PLAIN_DECIMAL.fullmatch(text):
            raise InvalidInput(
                field=field, problem='must be a plain decimal such as "4.20", at most 16 digits'
            )
        scaled = Decimal(text).scaleb(decimals)
        if scaled != scaled.to_integral_value():
            raise InvalidInput(field=field, problem=f"{text} has more decimals than {currency} ({decimals})")
        if scaled > AMOUNT_MINOR_MAX:
            raise InvalidInput(field=field, problem=f"must be at most {AMOUNT_MINOR_MAX} minor units")
        return cls(int(scaled), currency)

    def __str__(self) -> str:
        decimals = decimals_of(self.currency)
        if decimals == 0:
            return str(self.minor)
        whole, rest = divmod(self.minor, 10**decimals)
        return f"{whole}.{rest:0{decimals}d}"

    def __add__(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise InvalidInput(
                field="currency",
                problem=f"{self.currency} and {other.currency} cannot be added",
                other=other.currency,
            )
        return Money(self.minor + other.minor, self.currency)

    def __mul__(self, quantity: int) -> Money:
        return Money(self.minor * quantity, self.currency)
