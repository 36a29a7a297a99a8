"""What a process remembers of series: as many as a bound allows, the longest unused go first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from uuid import UUID

from domain.telemetry.reading import SeriesKey


class RememberedSeries:
    """Ids of series by tenant and key, each with the count of deletions under which it was found. Thread-safe."""

    def __init__(self, size_max: int) -> None:
        self._size_max = size_max
        self._entries: OrderedDict[tuple[bytes, SeriesKey], tuple[int, int]] = OrderedDict()
        self._mutex = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def recall(self, tenant_id: UUID, keys: Sequence[SeriesKey]) -> tuple[list[int | None], int]:
        """The id of each key, None where none is remembered, and the one count of deletions that they rest on."""
        tenant = tenant_id.bytes
        known: list[tuple[int, int] | None] = []
        with self._mutex:
            entries, touch = self._entries, self._entries.move_to_end
            for key in keys:
                name = (tenant, key)
                entry = entries.get(name)
                if entry is not None:
                    touch(name)
                known.append(entry)
        deletions = max((entry[0] for entry in known if entry is not None), default=0)
        return [
            entry[1] if entry is not None and entry[0] == deletions else None for entry in known
        ], deletions

    def keep(self, tenant_id: UUID, deletions: int, found: Iterable[tuple[SeriesKey, int]]) -> None:
        """Remember what was found under that count of deletions."""
        tenant = tenant_id.bytes
        with self._mutex:
            for key, series_id in found:
                name = (tenant, key)
                self._entries[name] = deletions, series_id
                self._entries.move_to_end(name)
            while len(self._entries) > self._size_max:
                self._entries.popitem(last=False)
