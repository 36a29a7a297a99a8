"""Find the series of a batch; register devices and add series that come new, as far as the tenant may have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from application.conflict_retry import Overloaded
from application.ports.clock import BackOff, Clock, NewId
from application.ports.readings import SeriesCatalogue, SeriesFound
from application.ports.unit_of_work import CommandContext, OpenUnitOfWork, TransactionConflict
from domain.telemetry.device import DEVICES_PER_TENANT_MAX, Device, DeviceNameTaken
from domain.telemetry.reading import (
    SERIES_NEW_PER_BATCH_MAX,
    SERIES_PER_TENANT_MAX,
    RejectReason,
    SeriesKey,
)

DEVICES_PER_TRANSACTION: Final = 500
TRIES_MAX: Final = 50
"""Of registering what is unknown. Each that is lost to another batch is one whose devices that batch has registered."""
NAME_SHOWN_MAX: Final = 40
"""Characters of a device's name in a detail, which has a bound of its own."""

Refusal = tuple[RejectReason, str]
"""Why, and what to do."""


class Resolved(NamedTuple):
    """What became of the keys of a batch."""

    series_ids: Sequence[int]
    """Of each key, in their order; 0 where it is refused."""
    refused: Mapping[int, Refusal]
    """By the key's place."""


@dataclass(frozen=True)
class ResolveSeries:
    """Everything that it makes is committed when it answers, in transactions of its own (a batch's comes later)."""

    catalogue: SeriesCatalogue
    open_unit_of_work: OpenUnitOfWork
    now: Clock
    new_id: NewId
    back_off: BackOff

    def resolve(self, keys: Sequence[SeriesKey], context: CommandContext) -> Resolved:
        """The series of each key; not to be called within a unit of work.

        An unknown device is registered, unless the tenant has turned that off. One that was deleted does not come back
        by itself. Raises Overloaded, TransactionConflict, StoreUnavailable.
        """
        batch = _Batch(keys, self.catalogue.find(context.tenant_id, keys))
        if batch.new:
            self._keep_out(batch, context)
            self._bring_in(batch, context)
        return batch.resolved

    def _keep_out(self, batch: _Batch, context: CommandContext) -> None:
        """Refuse what may not come new."""
        if batch.unknown and not self.catalogue.registers_devices(context.tenant_id):
            for place in batch.unknown:
                batch.refuse(place, RejectReason.UNKNOWN_DEVICE)
        devices, series = self.catalogue.count(context.tenant_id)
        batch.keep_series(SERIES_PER_TENANT_MAX - series, _OUT_OF_SERIES)
        batch.keep_series(SERIES_NEW_PER_BATCH_MAX, _TOO_MANY_AT_ONCE)
        batch.keep_devices(DEVICES_PER_TENANT_MAX - devices)

    def _bring_in(self, batch: _Batch, context: CommandContext) -> None:
        for number in range(1, TRIES_MAX + 1):
            new = batch.new
            if not new:
                return
            if number > 1:
                self.back_off(number)
            try:
                self._register(batch.unknown_devices, context)
                self.catalogue.add(context.tenant_id, [batch.keys[place] for place in new])
            except (DeviceNameTaken, TransactionConflict):
                pass  # Another batch brings the same devices: they are looked for again.
            found = self.catalogue.find(context.tenant_id, [batch.keys[place] for place in new])
            for place, each in zip(new, found, strict=True):
                batch.hear(place, each)
        if batch.new:
            raise Overloaded(tries=TRIES_MAX)

    def _register(self, names: Sequence[str], context: CommandContext) -> None:
        """A unit of work writes in the order of ids: theirs is that of the names, which are sorted, so that batches
        with the same devices wait for each other in one direction.
        """
        for start in range(0, len(names), DEVICES_PER_TRANSACTION):
            some, at = names[start : start + DEVICES_PER_TRANSACTION], self.now()
            ids = sorted(self.new_id() for _ in some)
            with self.open_unit_of_work(replace(context, request_key=None)) as uow:
                for device_id, name in zip(ids, some, strict=True):
                    uow.devices.save(Device.register(id=device_id, name=name, at=at, automatic=True))


class _Batch:
    """The keys of a batch with what is known of each."""

    def __init__(self, keys: Sequence[SeriesKey], found: Sequence[SeriesFound]) -> None:
        self.keys = keys
        self._ids = [0 if each.series_id is None else each.series_id for each in found]
        self._refused: dict[int, Refusal] = {}
        self._new: dict[int, bool] = {}
        """The places of keys that have no series yet; whether the device is unknown too."""
        for place, each in enumerate(found):
            if each.series_id is None:
                self.hear(place, each)

    @property
    def new(self) -> list[int]:
        """The places of keys that have no series yet and are not refused."""
        return list(self._new)

    @property
    def unknown(self) -> list[int]:
        """Those of them whose device is unknown."""
        return [place for place, is_unknown in self._new.items() if is_unknown]

    @property
    def unknown_devices(self) -> list[str]:
        """Their names, sorted."""
        return sorted({self.keys[place].device for place in self.unknown})

    @property
    def resolved(self) -> Resolved:
        """The end of it."""
        return Resolved(self._ids, self._refused)

    def hear(self, place: int, found: SeriesFound) -> None:
        """Take in what the catalogue says of a key."""
        if found.series_id is not None:
            self._ids[place] = found.series_id
            self._new.pop(place, None)
        elif found.refusal is RejectReason.DEVICE_DELETED:
            self.refuse(place, RejectReason.DEVICE_DELETED)
        else:
            self._new[place] = found.refusal is RejectReason.UNKNOWN_DEVICE

    def refuse(self, place: int, reason: RejectReason, detail: str | None = None) -> None:
        """Let it not come in; the detail is the reason's own unless one is given."""
        self._new.pop(place, None)
        if detail is None:
            detail = _DETAILS[reason].format(name=self.keys[place].device[:NAME_SHOWN_MAX])
        self._refused[place] = reason, detail

    def keep_series(self, room: int, detail: str) -> None:
        """Let the first `room` of the new keys come in, and refuse the others."""
        for place in self.new[max(room, 0) :]:
            self.refuse(place, RejectReason.TOO_MANY_SERIES, detail)

    def keep_devices(self, room: int) -> None:
        """Let the first `room` of the unknown devices come in, and refuse the keys of the others."""
        if len(self.unknown) <= room:
            return
        let_in: set[str] = set()
        for place in self.unknown:
            name = self.keys[place].device
            if name in let_in or len(let_in) < room:
                let_in.add(name)
            else:
                self.refuse(place, RejectReason.TOO_MANY_SERIES, _OUT_OF_DEVICES)


_OUT_OF_SERIES: Final = (
    f"the tenant has {SERIES_PER_TENANT_MAX:,} series, as many as it may have; send to those that are there, "
    "with fewer different labels"
)
_OUT_OF_DEVICES: Final = (
    f"the tenant has {DEVICES_PER_TENANT_MAX:,} devices, as many as it may have; "
    "delete some that send no more"
)
_TOO_MANY_AT_ONCE: Final = (
    f"the batch brings more than {SERIES_NEW_PER_BATCH_MAX:,} new series; send this reading in another batch"
)
_DETAILS: Final = {
    RejectReason.UNKNOWN_DEVICE: "nobody has registered the device {name!r}; register it first",
    RejectReason.DEVICE_DELETED: "the device {name!r} was deleted; restore it, or register its name anew",
}
