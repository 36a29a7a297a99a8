"""E9 and M2: each aggregate's events, rows and children side by side, in one pass over all of them.

Events and tables come sorted by tenant and aggregate, so one aggregate at a time is in memory, however many there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from adapters.audit.findings import Findings
from adapters.audit.fold import CHILDREN, DELETION, State
from adapters.audit.snapshot import Row, Snapshot
from adapters.audit.stream_fold import StreamFold
from adapters.audit.tables import CHILD_TABLES, EVENTS, LISTS, TABLES, ChildTable, Table, decoded

PROGRESS_EVERY: Final = 10_000
EVENTS_SAY: Final = "its events"
ROW_SAYS: Final = "its row"

_ABSENT: Final = object()
_Key = tuple[str, str]
_STRAY_RESERVATIONS: Final = """
SELECT r.tenant_id::text, r.stock_item_id::text, r.order_id::text, r.quantity, o.status, s.status
FROM stock_reservation r
LEFT JOIN customer_order o ON o.tenant_id = r.tenant_id AND o.id = r.order_id
LEFT JOIN saga s ON s.tenant_id = r.tenant_id AND s.subject_id = r.order_id
WHERE {mine} AND (
    o.id IS NULL OR s.status IN ('completed', 'compensated')
    OR (s.id IS NULL AND o.status NOT IN ('pending', 'awaiting_payment'))
)
"""
_STOCK_WITHOUT_PRODUCT: Final = """
SELECT s.tenant_id::text, s.id::text, s.product_id::text FROM stock_item s
LEFT JOIN product p ON p.tenant_id = s.tenant_id AND p.id = s.product_id
WHERE {mine} AND p.id IS NULL
"""


class StateCheck:
    """One pass; `checked` counts what was seen."""

    def __init__(self, snapshot: Snapshot, tenant_id: str | None, findings: Findings) -> None:
        self._snapshot, self._tenant_id, self._findings = snapshot, tenant_id, findings
        self._params = () if tenant_id is None else (tenant_id,)
        self.checked: Counter[str] = Counter()

    def run(self, progress: Callable[[int], None]) -> None:
        """`progress` is told the number of events now and then."""
        events = _Sorted(self._read(EVENTS))
        tables = [(table, _Sorted(self._read(table.select))) for table in TABLES]
        children = [(table, _Sorted(self._read(table.select))) for table in CHILD_TABLES]
        sources = [events, *(source for _, source in tables), *(source for _, source in children)]
        told = 0
        while keys := [source.key for source in sources if source.key is not None]:
            key = min(keys)
            fold = StreamFold()
            for row in events.take(key):
                fold.add(*row[2:])
            self._compare(
                key,
                fold,
                {table.kind: rows for table, source in tables if (rows := list(source.take(key)))},
                {table.name: rows for table, source in children if (rows := list(source.take(key)))},
            )
            self.checked["events"] += fold.events
            if self.checked["events"] - told >= PROGRESS_EVERY:
                told = self.checked["events"]
                progress(told)
        progress(self.checked["events"])
        self._look_for_strays()

    def _read(self, sql: str) -> Iterator[Row]:
        where = "" if self._tenant_id is None else "WHERE tenant_id = %s"
        return self._snapshot.rows(sql.format(where=where), self._params)

    def _compare(
        self, key: _Key, fold: StreamFold, rows: Mapping[str, list[Row]], children: Mapping[str, list[Row]]
    ) -> None:
        if fold.events:
            self.checked["streams"] += 1
        if fold.problem is not None:
            field, expected, found = fold.problem
            self._differ(key, fold.kind, field, expected, "the stream so far", found, "the stream")
        for table in TABLES:
            for row in rows.get(table.kind, ()):
                self.checked[f"{table.name} rows"] += 1
                state = dict(zip(table.columns, row[2:], strict=True))
                if fold.kind == table.kind:
                    if fold.problem is None:
                        self._compare_row(key, table, fold.state, state)
                else:
                    is_of = f"a stream of kind {fold.kind}" if fold.kind else "none"
                    self._differ(key, table.kind, "stream", "one", ROW_SAYS, is_of, "the events")
                if table.kind == "stock":
                    self._require_conserved(key, state, children.get("stock_reservation", []))
        if fold.kind and fold.kind not in rows:
            is_known = any(table.kind == fold.kind for table in TABLES)
            where = "the table" if is_known else "the tables that the audit knows"
            self._differ(key, fold.kind, "row", "one", f"its {fold.events} events", "none", where)
        for child in CHILD_TABLES:
            stored = children.get(child.name, [])
            self.checked[f"{child.name} rows"] += len(stored)
            if fold.kind == child.kind:
                if fold.problem is None:
                    self._compare_children(key, child, fold.state, stored)
            elif stored:
                self._differ(
                    key, child.kind, child.name, "no row", "the events", f"{len(stored)} rows", "the table"
                )

    def _compare_row(self, key: _Key, table: Table, told: State, row: State) -> None:
        for column in table.columns:
            if column in LISTS:
                self._compare_list(key, table.kind, column, told[column], decoded(row[column]))
            elif row[column] != told.get(column):
                self._differ(key, table.kind, column, told.get(column), EVENTS_SAY, row[column], ROW_SAYS)
        if table.kind == "stock":
            self._require_law(key, told, EVENTS_SAY)

    def _compare_list(self, key: _Key, kind: str, column: str, told: list[State], row: Any) -> None:
        if told == row:
            return
        word, name = LISTS[column]
        stored = [each for each in row if isinstance(each, dict)] if isinstance(row, list) else []
        if [each[name] for each in told] != [each.get(name) for each in stored]:
            expected = ", ".join(str(each[name]) for each in told)
            self._differ(key, kind, column, expected, EVENTS_SAY, row, ROW_SAYS)
            return
        for each, found in zip(told, stored, strict=True):
            for part in sorted(each.keys() | found.keys()):
                if each.get(part, _ABSENT) != found.get(part, _ABSENT):
                    field = f"{word} {each[name]}.{part}"
                    self._differ(key, kind, field, each.get(part), EVENTS_SAY, found.get(part), ROW_SAYS)

    def _compare_children(self, key: _Key, table: ChildTable, told: State, rows: Sequence[Row]) -> None:
        marks = {name: told[name] for name in DELETION} if table.bears_deletion else {}
        expected: dict[Any, State] = {name: {**child, **marks} for name, child in told[CHILDREN].items()}
        columns = (*table.columns, *marks)
        stored = {row[2]: dict(zip(columns, row[3:], strict=True)) for row in rows}
        for child_key in sorted(expected.keys() | stored.keys()):
            name = f"{table.name} {child_key}"
            if child_key not in stored:
                self._differ(key, table.kind, name, "a row", EVENTS_SAY, "none", "the table")
            elif child_key not in expected:
                self._differ(key, table.kind, name, "no row", EVENTS_SAY, "one", "the table")
            else:
                for column in columns:
                    pair = expected[child_key][column], stored[child_key][column]
                    if pair[0] != pair[1]:
                        self._differ(
                            key, table.kind, f"{name}.{column}", pair[0], EVENTS_SAY, pair[1], ROW_SAYS
                        )

    def _require_conserved(self, key: _Key, row: State, reservations: Sequence[Row]) -> None:
        """M2 by the rows alone, whatever the events say."""
        self._require_law(key, row, ROW_SAYS)
        held = sum(reservation[3] for reservation in reservations)
        if row["reserved"] != held:
            self._differ(
                key, "stock", "reserved", held, "its reservations", row["reserved"], ROW_SAYS, check="M2"
            )

    def _require_law(self, key: _Key, figures: State, at: str) -> None:
        held = figures["on_hand"] + figures["reserved"] + figures["sold"]
        came = figures["received"] + figures["adjusted"]
        if held != came:
            self._differ(
                key, "stock", "on hand + reserved + sold", came, "received + adjusted", held, at, check="M2"
            )

    def _look_for_strays(self) -> None:
        mine = "true" if self._tenant_id is None else "{}.tenant_id = %s"
        for tenant_id, item, order_id, quantity, order_status, saga_status in self._snapshot.rows(
            _STRAY_RESERVATIONS.format(mine=mine.format("r")), self._params
        ):
            state = "has no order" if order_status is None else f"is of an order that is {order_status}"
            saga = "without a saga" if saga_status is None else f"whose saga is {saga_status}"
            self._differ(
                (tenant_id, item),
                "stock",
                f"reservation of order {order_id}",
                "none",
                "what holds goods: an open order",
                f"{quantity} pieces, which {state} {saga}",
                "the reservations",
                check="M2",
            )
        for tenant_id, item, product_id in self._snapshot.rows(
            _STOCK_WITHOUT_PRODUCT.format(mine=mine.format("s")), self._params
        ):
            self._differ((tenant_id, item), "stock", "product", product_id, ROW_SAYS, "none", "the products")

    def _differ(
        self, key: _Key, kind: str, field: str, expected: Any, by: str, found: Any, at: str, check: str = "E9"
    ) -> None:
        self._findings.add(
            check, *(key[0], kind, key[1]), field, expected=expected, by=by, found=found, at=at
        )


class _Sorted:
    """Rows in the order of their first two columns, taken key by key."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows
        self._advance()

    def take(self, key: _Key) -> Iterator[Row]:
        """The rows of that key, which is none below the next one's."""
        while self.key == key:
            yield self._head
            self._advance()

    def _advance(self) -> None:
        self._head: Row = next(self._rows, ())
        self.key: _Key | None = self._head[:2] if self._head else None
