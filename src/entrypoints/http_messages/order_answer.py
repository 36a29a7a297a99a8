"""An order as the API answers it: its view, and where its saga is read."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

from application.ports.read_models import OrderView

_NAMES: Final = tuple(field.name for field in fields(OrderView))


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAnswer(OrderView):
    """An order at one version; `saga` is there also where no saga fulfils it, and leads nowhere then."""

    saga: str


def saga_address(order_id: object) -> str:
    """Where the saga of an order is read."""
    return f"/v1/orders/{order_id}/saga"


def as_answered(view: Any) -> Any:
    """An order with its link; any other view as it is."""
    if not isinstance(view, OrderView):
        return view
    return OrderAnswer(**{name: getattr(view, name) for name in _NAMES}, saga=saga_address(view.id))
