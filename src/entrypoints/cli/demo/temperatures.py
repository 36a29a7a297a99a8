"""The demo's readings: a year of hourly temperatures, sent as `holdwater ingest` sends them and read back."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final

from rich.console import Console

from entrypoints.cli.demo.api_client import ApiClient
from entrypoints.cli.ingest.column_map import MapOptions
from entrypoints.cli.ingest.loading import Loaded, Loader, target_of
from entrypoints.cli.ingest.sending import Sender
from entrypoints.cli.ingest.sources import LoadOptions

TEMPERATURES: Final = Path(__file__).parents[4] / "demo" / "temperatures-seattle-2010.csv"
DEVICE: Final = "seattle"
METRIC: Final = "air-temperature"
TIME_FORMAT: Final = "%Y/%m/%d %H:%M"
ZONE: Final = "Etc/GMT+8"
STANDARD_TIME: Final = timezone(timedelta(hours=-8))
HOUR: Final = timedelta(hours=1)
DAYS_PER_BLOCK: Final = 5
CHART_ROWS: Final = 6
CONNECTIONS: Final = 4
BATCH_ROWS: Final = 1_000
_PAGE: Final = 10_000
_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"

Reading = tuple[datetime, float]


@dataclass(frozen=True, slots=True)
class Temperatures:
    """What was sent, sent again, and read back in the order of time."""

    loaded: Loaded
    again: Loaded
    readings: Sequence[Reading]

    @property
    def rate(self) -> float:
        """Readings a second, the first time."""
        return self.loaded.readings_now / self.loaded.seconds

    @property
    def gaps(self) -> list[tuple[datetime, timedelta]]:
        """From when on, and for how long, readings are missing that come every hour."""
        times = [at for at, _ in self.readings]
        return [
            (at + HOUR, after - at - HOUR) for at, after in itertools.pairwise(times) if after - at != HOUR
        ]


def send_temperatures(client: ApiClient, url: str, token: str, journals: Path) -> Temperatures:
    """Send the file twice, and read back what is stored. Raises CommandFailed, UnexpectedReply."""
    sender = Sender.to(url, token, connections=CONNECTIONS, precision="ns")
    options = LoadOptions(
        columns=MapOptions.of(["ts=date,value=temp"], DEVICE, METRIC, []),
        time_format=TIME_FORMAT,
        zone=ZONE,
        batch_rows=BATCH_ROWS,
    )
    loader = Loader(sender, options, journals, target_of(url, token))
    try:
        loaded, again = loader.load(TEMPERATURES, _unheard), loader.load(TEMPERATURES, _unheard)
    finally:
        sender.close()
    readings = [
        (datetime.fromisoformat(item["ts"]).astimezone(STANDARD_TIME), item["value"])
        for page in client.pages(f"/v1/readings?device={DEVICE}&metric={METRIC}&limit={_PAGE}")
        for item in page
    ]
    return Temperatures(loaded, again, readings)


def read_file() -> list[Reading]:
    """What stands in the file, read with the standard library alone."""
    with TEMPERATURES.open(encoding="ascii") as file:
        return [
            (datetime.strptime(row["date"], TIME_FORMAT).replace(tzinfo=STANDARD_TIME), float(row["temp"]))
            for row in csv.DictReader(file)
        ]


def faults_of_temperatures(found: Temperatures) -> list[str]:
    """What must not be; empty if every row of the file is there once."""
    expected, first, again = read_file(), found.loaded.counts, found.again.counts
    checks = (
        (first.accepted == first.rows == len(expected), f"{first.accepted:,} temperatures were accepted"),
        (
            again.duplicate == again.rows == len(expected),
            f"{again.duplicate:,} were duplicates when sent again",
        ),
        (list(found.readings) == expected, "the temperatures that are stored are not those of the file"),
    )
    return [fault for is_well, fault in checks if not is_well]


def print_temperatures(console: Console, found: Temperatures) -> None:
    """The rate, a chart of the year, and the gap."""
    values = [value for _, value in found.readings]
    console.print(
        f"[bold]{len(values):,} temperatures of Seattle[/bold] went in at {found.rate:,.0f} a second; sent again, "
        f"{found.again.counts.duplicate:,} were duplicates.",
        soft_wrap=True,
    )
    means = _means(found.readings)
    low, high = min(means), max(means)
    for row, line in enumerate(chart(means, CHART_ROWS)):
        label = f"{high:.0f} °F" if row == 0 else f"{low:.0f} °F" if row == CHART_ROWS - 1 else ""
        console.print(f"{label:>6} {line}", markup=False)
    console.print(f"{'':6} January{'':{len(means) - len('January') - len('December')}}December", markup=False)
    for at, missing in found.gaps:
        hours = missing / HOUR
        console.print(
            f"Missing: {hours:.0f} hour from {at:%Y-%m-%d %H:%M} on, in the night in which clocks were put forward.",
            soft_wrap=True,
        )


def chart(values: Sequence[float], rows: int) -> list[str]:
    """Columns of block characters from the smallest (one eighth) to the largest value (all rows), top row first."""
    low, high = min(values), max(values)
    eighths = [1 + round((value - low) / ((high - low) or 1.0) * (8 * rows - 1)) for value in values]
    return [
        "".join(_EIGHTHS[max(0, min(8, height - 8 * row))] for height in eighths)
        for row in reversed(range(rows))
    ]


def _means(readings: Sequence[Reading]) -> list[float]:
    """Of each DAYS_PER_BLOCK days of the year."""
    blocks: dict[int, list[float]] = {}
    for at, value in readings:
        blocks.setdefault((at.timetuple().tm_yday - 1) // DAYS_PER_BLOCK, []).append(value)
    return [sum(block) / len(block) for _, block in sorted(blocks.items())]


def _unheard(done: int, total: int | None, readings: int) -> None:
    """The demo has no bar for two seconds."""
