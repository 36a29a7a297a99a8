"""`make chaos`: five minutes and more of kills and flushes, or as told."""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from chaos.audit_slice import AuditSlice
from chaos.fulfilment_slice import FulfilmentSlice
from chaos.orders_slice import OrdersSlice
from chaos.readings_slice import ReadingsSlice
from chaos.receiver import Receiver
from chaos.run import EFFECTS_WITHIN_S, PROCESSES, ChaosRun, Intensity, Report
from chaos.slices import Slice
from chaos.upkeep_slice import PURGE_EVERY_S, UpkeepSlice
from chaos.victims import VICTIMS

DIFFERENCES_SHOWN_MAX: Final = 20
WEB_PROCESSES: Final = 2


def chaos(seed: int, intensity: Intensity, state_dir: Path) -> Report:
    """One run of all slices."""
    receiver = Receiver(random.Random(seed), hangs_up=intensity.hangs_up)
    os.environ.update(
        HOLDWATER_WEBHOOK_URL=receiver.url,
        HOLDWATER_WEBHOOK_SECRET="whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
        HOLDWATER_WEBHOOK_ALLOW_PRIVATE="yes",
        HOLDWATER_PURGE_EVERY_S=str(PURGE_EVERY_S),
    )
    slices: list[Slice] = [
        OrdersSlice(receiver),
        FulfilmentSlice(),
        ReadingsSlice(),
        AuditSlice(),
        UpkeepSlice({**PROCESSES, "web": WEB_PROCESSES}),
    ]
    try:
        return ChaosRun(seed, intensity, slices).run(state_dir)
    finally:
        receiver.close()


def main() -> int:
    """Run, print, and answer 0 only if there was no difference."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="of kills and load; random unless given")
    parser.add_argument("--seconds", type=float, default=300.0, help="of kills, before everything settles")
    parser.add_argument(
        "--kill-every", type=float, default=3.5, metavar="S", help="mean seconds between kills"
    )
    parser.add_argument("--flush-every", type=float, default=20.0, metavar="S", help="mean between flushes")
    parser.add_argument(
        "--state-dir", type=Path, default=None, help="kept afterwards; a temporary one unless given"
    )
    args = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if args.seed is None else args.seed
    intensity = Intensity(seconds=args.seconds, kill_every_s=args.kill_every, flush_every_s=args.flush_every)
    console = Console()
    console.print(f"Chaos with seed {seed}: {args.seconds:g} s of load and kills, then everything settles.")
    with tempfile.TemporaryDirectory(prefix="holdwater-chaos-") as folder:
        os.chmod(folder, 0o711)  # the database's user passes through
        report = chaos(seed, intensity, args.state_dir or Path(folder) / "var")
    show(report, console)
    return 1 if report.differences else 0


def show(report: Report, console: Console) -> None:
    """Print the report; the last line is its JSON."""
    table = Table(
        title=f"Chaos, seed {report.seed}, {report.seconds:g} s", title_justify="left", show_header=False
    )
    table.add_column()
    table.add_column(justify="right")
    for slice_name, counts in report.counts.items():
        for name, count in counts.items():
            table.add_row(f"{slice_name}: {name}", f"{count:,}")
        table.add_section()
    for victim in VICTIMS:
        table.add_row(f"kills of {victim}", f"{report.kills[victim]:,}")
    table.add_row("kills", f"{report.kills.total():,}")
    table.add_row("flushes of Redis", f"{report.flushes:,}")
    table.add_section()
    if report.outage is not None and report.outage.effects_s is not None:
        table.add_row("notices written while Redis was down", f"{report.outage.messages:,}")
        table.add_row(
            f"the last of them told after its return (at most {EFFECTS_WITHIN_S:g} s)",
            f"{report.outage.effects_s:.1f} s",
        )
    if report.settled_in_s is not None:
        table.add_row("settled after the load ended", f"{report.settled_in_s:.1f} s")
    table.add_row("differences", f"{len(report.differences):,}")
    console.print(table)
    for line in report.differences[:DIFFERENCES_SHOWN_MAX]:
        console.print(f"  {line}", markup=False, soft_wrap=True)
    if len(report.differences) > DIFFERENCES_SHOWN_MAX:
        console.print(f"  … and {len(report.differences) - DIFFERENCES_SHOWN_MAX} more")
    verdict = "Failed: there are differences." if report.differences else "Passed: no difference."
    console.print(verdict)
    print(
        json.dumps(
            {
                "seed": report.seed,
                "seconds": report.seconds,
                "kills": dict(report.kills),
                "flushes": report.flushes,
                "counts": {name: dict(counts) for name, counts in report.counts.items()},
                "redis_outage_effects_s": report.outage and report.outage.effects_s,
                "settled_in_s": report.settled_in_s,
                "differences": report.differences[:DIFFERENCES_SHOWN_MAX],
            }
        )
    )


if __name__ == "__main__":
    sys.exit(main())
