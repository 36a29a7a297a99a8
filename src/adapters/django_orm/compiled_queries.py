"""Querysets that are compiled once and run with new values each time.

Building and compiling a queryset costs several times what running it does. A query here is written with slots
where values go; what it means, live rows only among it, is still decided by the models' managers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Field, QuerySet
from django.db.models.expressions import RawSQL


class _Slot(str):
    """The name of a value that is given when the query runs; a type of its own, so that no constant is one."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class CompiledQuery:
    """A statement whose parameters are constants and slots."""

    sql: str
    params: tuple[object, ...]

    def bound(self, values: Mapping[str, object]) -> tuple[str, tuple[object, ...]]:
        """The statement with its parameters. Raises KeyError for a slot without a value."""
        params = tuple(values[param] if isinstance(param, _Slot) else param for param in self.params)
        return self.sql, params

    def limited(self, slot_name: str) -> CompiledQuery:
        """The same with LIMIT: a slice of the queryset would make a statement for each size of page."""
        return CompiledQuery(f"{self.sql} LIMIT %s", (*self.params, _Slot(slot_name)))


def slot(name: str, output_field: Field[Any, Any] | None = None) -> RawSQL:
    """The place of a value of that name in a filter."""
    return RawSQL("%s", (_Slot(name),), output_field)


def slots(sql: str, *names: str, output_field: Field[Any, Any]) -> RawSQL:
    """A condition in SQL with a slot for each of its parameters."""
    return RawSQL(sql, tuple(_Slot(name) for name in names), output_field)  # noqa: S611 - constants of this package


def compile_query(rows: QuerySet[Any, Any]) -> CompiledQuery:
    """Compile the queryset. The caller keeps the result."""
    sql, params = rows.query.sql_with_params()
    return CompiledQuery(sql, tuple(params))
