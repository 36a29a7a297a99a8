"""Reads the payment gateway's own books over HTTP."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from typing import Final

from chaos.slices import Target

TIMEOUT_S: Final = 10.0
PAGES_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One payment there, in minor units. `operations`: what was carried out, in order."""

    payment_id: str
    order_id: str
    authorised: int
    captured: int
    refunded: int
    voided: bool
    operations: tuple[str, ...]


def read_ledger(target: Target) -> list[Entry]:
    """All of them. Raises OSError, RuntimeError for books without an end."""
    entries: list[Entry] = []
    after: int | None = 0
    for _ in range(PAGES_MAX):
        request = urllib.request.Request(
            f"{target.gateway_url}/v1/ledger?after={after}",
            headers={"Authorization": f"Bearer {target.gateway_token}"},
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            page = json.load(answer)
        entries += [
            Entry(
                payment_id=item["payment_id"],
                order_id=item["order_id"],
                authorised=item["authorised"],
                captured=item["captured"],
                refunded=item["refunded"],
                voided=item["voided"],
                operations=tuple(effect["operation"] for effect in item["effects"]),
            )
            for item in page["items"]
        ]
        after = page["next"]
        if after is None:
            return entries
    raise RuntimeError(f"the ledger has more than {PAGES_MAX} pages")
