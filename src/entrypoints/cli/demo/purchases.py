"""Real purchases, as the file holds them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Purchase:
    """One line of the file: who bought how many CDs on which day, for how many US dollars."""

    number: int
    customer: str
    day: datetime
    cds: int
    amount: str

    @property
    def order(self) -> dict[str, object]:
        """The body of the POST that sends it."""
        return {
            "customer_ref": f"cdnow-{self.customer}",
            "currency": "USD",
            "lines": [{"sku": "CD", "quantity": 1, "unit_price": self.amount}],
            "payment_method": "tok_visa",
            "note": str(self.cds),
            "ordered_at": self.day.isoformat(),
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


def total_of(purchases: list[Purchase]) -> Decimal:
    """What all purchases come to, in US dollars, to the cent."""
    return sum((Decimal(purchase.amount) for purchase in purchases), Decimal("0.00"))
