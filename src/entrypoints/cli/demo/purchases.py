"""What is ordered: real purchases, as the file holds them, and some orders for what there is too little of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from entrypoints.cli.demo.payment_methods import DECLINED, VISA, method_of

CURRENCY: Final = "USD"
TITLES: Final = tuple(f"CD-{number:02}" for number in range(1, 17))
"""The purchases are shared out over these products: orders of one product wait for each other while its stock moves."""
RARITY: Final = "CD-RARE"
RARITY_PRICE: Final = "19.97"
PIECES_OF_RARITY: Final = 4
ORDERS_OF_RARITY: Final = 24
BUYER_PREFIX: Final = "cdnow-"
"""Begins the customer_ref of everybody who is in the file, and of nobody else."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """One line of the file: who bought how many CDs on which day, for how many US dollars."""

    number: int
    customer: str
    day: datetime
    cds: int
    amount: str

    @property
    def title(self) -> str:
        """The SKU of the product."""
        return TITLES[self.number % len(TITLES)]

    @property
    def is_declined(self) -> bool:
        """Whether it has to be paid for again; what costs nothing isn't paid for at all."""
        return method_of(self.number) in DECLINED and Decimal(self.amount) > 0

    @property
    def order(self) -> dict[str, object]:
        """The body of the POST that sends it."""
        return {
            "customer_ref": f"{BUYER_PREFIX}{self.customer}",
            "currency": CURRENCY,
            "lines": [{"sku": self.title, "quantity": 1, "unit_price": self.amount}],
            "payment_method": method_of(self.number),
            "note": str(self.cds),
            "ordered_at": self.day.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class RarityWish:
    """One of more orders than there are pieces; none of them is in the file."""

    number: int

    @property
    def order(self) -> dict[str, object]:
        """The body of the POST that sends it."""
        return {
            "customer_ref": f"collector-{self.number}",
            "currency": CURRENCY,
            "lines": [{"sku": RARITY, "quantity": 1, "unit_price": RARITY_PRICE}],
            "payment_method": VISA,
        }


def read_purchases(path: Path) -> list[Purchase]:
    """Every purchase of the file, in its order. Raises ValueError that names the line it can't read."""
    purchases = []
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), start=1):
        try:
            customer, _, day, cds, amount = line.split()
            Decimal(amount)
            purchases.append(
                Purchase(
                    number, customer, datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC), int(cds), amount
                )
            )
        except (ValueError, ArithmeticError) as error:
            raise ValueError(f"{path.name}, line {number}: {error}") from None
    return purchases


def rarity_wishes(after: int) -> list[RarityWish]:
    """ORDERS_OF_RARITY of them, numbered from the one after that number on."""
    return [RarityWish(after + number) for number in range(1, ORDERS_OF_RARITY + 1)]


def total_of(purchases: Sequence[Purchase]) -> Decimal:
    """What all purchases come to, in US dollars, to the cent."""
    return sum((Decimal(purchase.amount) for purchase in purchases), Decimal("0.00"))
