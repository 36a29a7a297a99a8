"""Writes of rows, and the statements that carry them out: one for all rows of a table, however many aggregates."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.db import connection


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL and its parameters."""

    sql: str
    params: tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateTable:
    """The table of an aggregate's own row: its name, the columns that change, and what is set with each change."""

    name: str
    changing: tuple[str, ...]
    also: str = ""


@dataclass(frozen=True, slots=True)
class Insert:
    """A new row, which must not be there yet."""

    table: str
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Update:
    """An aggregate's row over its stored version; the transaction fails unless it stands there."""

    table: AggregateTable
    kind: str
    row: Mapping[str, Any]
    stored_version: int


@dataclass(frozen=True, slots=True)
class Delete:
    """A row that may be there, by a key of two ids."""

    table: str
    columns: tuple[str, str]
    key: tuple[UUID, UUID]


RowWrite = Insert | Update | Delete | Statement


def statements_of(tenant_id: UUID, writes: Iterable[RowWrite]) -> list[Statement]:
    """What carries the writes out, those of aggregates of one kind in the order of their ids.

    Rows that change come first, then rows that go, then rows that come, then the statements that are given.
    """
    statements: list[Statement] = []
    for (rank, *_), group in groupby(sorted(writes, key=_place), key=_place):
        together = list(group)
        statements += _CARRIED_OUT[rank](tenant_id, together)
    return statements


def _place(write: RowWrite) -> tuple[int, str, str]:
    match write:
        case Update(table=table):
            return 0, table.name, table.also
        case Delete(table=name):
            return 1, name, ""
        case Insert(table=name):
            return 2, name, ""
        case _:
            return 3, "", ""


# Names of tables and columns in the statements below are constants of this package and keys of its row mapping.


def _insert(tenant_id: UUID, inserts: Sequence[Insert]) -> list[Statement]:
    columns = tuple(inserts[0].row)
    values = ", ".join([f"(%s{', %s' * len(columns)})"] * len(inserts))
    return [
        Statement(
            f"INSERT INTO {inserts[0].table} (tenant_id, {', '.join(columns)}) VALUES {values}",  # noqa: S608
            tuple(value for insert in inserts for value in (tenant_id, *insert.row.values())),
        )
    ]


def _update(tenant_id: UUID, updates: Sequence[Update]) -> list[Statement]:
    if len(updates) > 1:
        return [_update_all(tenant_id, updates)]
    (update,) = updates
    return [
        Statement(
            _update_one_sql(update.table),
            (
                *(update.row[column] for column in update.table.changing),
                tenant_id,
                update.row["id"],
                update.stored_version,
                update.kind,
                update.row["id"],
            ),
        )
    ]


@functools.cache
def _update_one_sql(table: AggregateTable) -> str:
    changes = [*(f"{column} = %s" for column in table.changing), *([table.also] if table.also else [])]
    return (
        f"WITH written AS (UPDATE {table.name} SET {', '.join(changes)}"  # noqa: S608
        " WHERE tenant_id = %s AND id = %s AND version = %s RETURNING 1)"
        " SELECT require_written((SELECT count(*) FROM written), %s, %s)"
    )


def _update_all(tenant_id: UUID, writes: Sequence[Update]) -> Statement:
    """The ids stand in the WHERE a second time, so that the rows are found by their key whatever the planner thinks."""
    table, ids = writes[0].table, [write.row["id"] for write in writes]
    return Statement(
        _update_all_sql(table),
        (
            ids,
            [write.stored_version for write in writes],
            *([write.row[column] for write in writes] for column in table.changing),
            tenant_id,
            ids,
            writes[0].kind,
            ids,
        ),
    )


@functools.cache
def _update_all_sql(table: AggregateTable) -> str:
    types = _column_types(table.name)
    arrays = ", ".join(f"%s::{types[column]}[]" for column in table.changing)
    changes = [
        *(f"{column} = n.{column}" for column in table.changing),
        *([table.also] if table.also else []),
    ]
    return (
        f"WITH written AS (UPDATE {table.name} t"  # noqa: S608
        f" SET {', '.join(changes)}"
        f" FROM unnest(%s::uuid[], %s::integer[], {arrays})"
        f" AS n (id, stored_version, {', '.join(table.changing)})"
        " WHERE t.tenant_id = %s AND t.id = ANY(%s::uuid[]) AND t.id = n.id AND t.version = n.stored_version"
        " RETURNING t.id) SELECT require_all_written(ARRAY(SELECT id FROM written), %s, %s::uuid[])"
    )


def _delete(tenant_id: UUID, deletes: Sequence[Delete]) -> list[Statement]:
    first, second = deletes[0].columns
    ids = [delete.key[0] for delete in deletes], [delete.key[1] for delete in deletes]
    return [
        Statement(
            f"DELETE FROM {deletes[0].table} t"  # noqa: S608
            f" USING unnest(%s::uuid[], %s::uuid[]) AS n ({first}, {second})"
            f" WHERE t.tenant_id = %s AND t.{first} = ANY(%s::uuid[]) AND t.{second} = ANY(%s::uuid[])"
            f" AND t.{first} = n.{first} AND t.{second} = n.{second}",
            (*ids, tenant_id, *ids),
        )
    ]


@functools.cache
def _column_types(table: str) -> Mapping[str, str]:
    """As the models say, without lengths: a cast to varchar(n) would cut, where the column refuses."""
    model = next(model for model in apps.get_models() if model._meta.db_table == table)
    return {
        field.column: str(field.db_type(connection)).partition("(")[0]
        for field in model._meta.concrete_fields
        if field.column
    }


_CARRIED_OUT: Final[tuple[Callable[[UUID, Sequence[Any]], list[Statement]], ...]] = (
    _update,
    _delete,
    _insert,
    lambda tenant_id, given: list(given),
)
"""By rank."""
