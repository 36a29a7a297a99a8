"""Differences as they are found: all are counted, the first are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from adapters.audit.tables import PERSONAL
from application.ports.audit import DIFFERENCES_KEPT_MAX, Difference

TEXT_LENGTH_MAX: Final = 200


class Findings:
    """Belongs to one audit. `tenants` has each tenant's name by its id."""

    def __init__(self, tenants: Mapping[str, str]) -> None:
        self._tenants = tenants
        self.count = 0
        self.kept: list[Difference] = []

    def add(
        self,
        check: str,
        tenant_id: str | None,
        kind: str,
        id: str,
        field: str,
        *,
        expected: Any,
        by: str,
        found: Any,
        at: str,
    ) -> None:
        """`tenant_id` None: nobody's."""
        self.count += 1
        if len(self.kept) >= DIFFERENCES_KEPT_MAX:
            return
        tenant = "(no tenant)" if tenant_id is None else self._tenants.get(tenant_id, tenant_id)
        is_personal = field.rpartition(".")[2] in PERSONAL
        self.kept.append(
            Difference(
                check=check,
                tenant=tenant,
                kind=kind,
                id=id,
                field=field,
                expected=_told(expected, is_personal=is_personal),
                expected_by=by,
                found=_told(found, is_personal=is_personal),
                found_in=at,
            )
        )


def _told(value: Any, *, is_personal: bool) -> str:
    if value is None:
        return "nothing"
    if is_personal:
        return f"a text of {len(str(value))} characters"
    text = value if isinstance(value, str) else str(value)
    return text[:TEXT_LENGTH_MAX] if text else "an empty text"
