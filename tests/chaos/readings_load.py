"""Readings by clients that retry: overlapping batches over the same series, in every order and several forms."""

from __future__ import annotations

import json
import random
import threading
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from chaos.load_client import LoadClient
from chaos.slices import Target

DEVICES: Final = tuple(f"chaos-{number}" for number in range(6))
METRICS: Final = ("temperature", "pressure")
FIRST: Final = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0) - timedelta(
    hours=2
)
"""Two hours before a month begins: batches reach into two partitions."""
SLOT: Final = timedelta(seconds=10)
BATCH_SLOTS: Final = 40
AHEAD: Final = 20
"""A client's batches begin so many slots after each other: half of each was sent before."""
OWN_OFFSET: Final = 7
"""Between the slots of one client and the next, so that their batches overlap in part."""
CHANCE_TO_CONTRADICT: Final = 0.1
CHANCE_TO_BE_LATE: Final = 0.2
CHANCE_TO_BE_LOADED_LATER: Final = 0.2

Slot = tuple[str, str, int]
"""Device, metric, and how many slots after FIRST."""


def value_of(slot: Slot) -> float:
    """Everybody sends the same value for the same slot."""
    device, metric, number = slot
    return (number * 37 + DEVICES.index(device) * 11 + METRICS.index(metric)) % 1_000 / 8


class ReadingClient(LoadClient):
    """`acknowledged`: what is stored for certain when everything has settled; `_stored`: what was stored when it was
    answered, so that whoever contradicts it comes second."""

    def __init__(
        self, number: int, target: Target, dice: random.Random, pause_s: float, stop: threading.Event
    ) -> None:
        super().__init__(f"gateway-{number}", target, dice, pause_s, stop)
        self._begin = number * OWN_OFFSET
        self._backwards = bool(number % 2)
        self.acknowledged: set[Slot] = set()
        self._stored: set[Slot] = set()
        self.contradicted = 0

    def _step(self) -> None:
        begin = self._begin
        if self.acknowledged and self._dice.random() < CHANCE_TO_BE_LATE:
            begin = self._dice.randrange(begin)
        else:
            self._begin += AHEAD
        slots = [
            (device, metric, begin + number)
            for device in self._dice.sample(DEVICES, 3)
            for metric in METRICS
            for number in range(BATCH_SLOTS)
        ]
        if self._backwards:
            slots.reverse()
        readings = [(slot, value_of(slot)) for slot in slots]
        if self._dice.random() < CHANCE_TO_CONTRADICT:
            known = [place for place, slot in enumerate(slots) if slot in self._stored]
            for place in known[:5]:
                readings[place] = (slots[place], -1.0)
                self.contradicted += 1
        if self._is_stored(readings):
            self._stored.update(slots)
        self.acknowledged.update(slots)

    def _is_stored(self, readings: list[tuple[Slot, float]]) -> bool:
        """Send them; whether they are stored, or kept to be loaded later."""
        media_type, body = self._dice.choice((_rows, _columns, _lines))(readings)
        headers = {"Content-Type": media_type}
        if self._dice.random() < CHANCE_TO_BE_LOADED_LATER:
            answer = self._client.send("POST", "/v1/readings", body, {**headers, "Prefer": "respond-async"})
            if answer.status != 202:
                self.faults.append(f"{self.name}: a batch for later was answered {answer}")
            self.counts["batches loaded later"] += 1
            return False
        answer = self._client.send("POST", "/v1/readings", body, headers)
        result = answer.body
        if answer.status != 200 or result["accepted"] + result["duplicate"] != len(readings):
            self.faults.append(f"{self.name}: {len(readings)} readings were answered {answer}: {result}")
        self.counts["batches"] += 1
        self.counts["readings accepted"] += result.get("accepted", 0)
        self.counts["readings known already"] += result.get("duplicate", 0)
        return True


def time_of(number: int) -> datetime:
    """When a slot is."""
    return FIRST + number * SLOT


def _rows(readings: list[tuple[Slot, float]]) -> tuple[str, bytes]:
    rows = [
        {"device": device, "metric": metric, "ts": time_of(number).isoformat(), "value": value}
        for (device, metric, number), value in readings
    ]
    return "application/json", json.dumps(rows).encode()


def _columns(readings: list[tuple[Slot, float]]) -> tuple[str, bytes]:
    columns: dict[str, list[Any]] = {"device": [], "metric": [], "ts": [], "value": []}
    for (device, metric, number), value in readings:
        columns["device"].append(device)
        columns["metric"].append(metric)
        columns["ts"].append(round(time_of(number).timestamp() * 1_000))
        columns["value"].append(value)
    return "application/json", json.dumps(columns).encode()


def _lines(readings: list[tuple[Slot, float]]) -> tuple[str, bytes]:
    lines = [
        f"{device} {metric}={value} {round(time_of(number).timestamp())}000000000"
        for (device, metric, number), value in readings
    ]
    return "text/plain", "\n".join(lines).encode()
