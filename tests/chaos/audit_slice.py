"""The service's own audit, run as an operator runs it, once everything is settled."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from chaos.slices import Target

TIMEOUT_S: Final = 300.0


class AuditSlice:
    """Slice without a load. The other slices' checks don't rely on it: it is looked at, and they look by themselves."""

    name = "audit"

    def __init__(self) -> None:
        self._checked: dict[str, int] = {}

    def prepare(self, target: Target) -> None:
        """See Slice."""
        self._target = target

    def start(self, dice: random.Random) -> None:
        """Nothing."""

    def be_fair(self) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""

    def unsettled(self) -> int:
        """Nothing."""
        return 0

    def differences(self) -> Sequence[str]:
        """See Slice."""
        command = [sys.executable, "-m", "entrypoints.cli.main", "audit", "--json"]
        done = subprocess.run(
            [*command, "--state-dir", str(self._target.state_dir)],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        lines = done.stdout.splitlines()
        if not lines:
            return [f"the audit ended with status {done.returncode}: {done.stderr[-500:]}"]
        report: dict[str, Any] = json.loads(lines[-1])
        self._checked = {f"audited {name}": count for name, count in report["checked"].items()}
        return faults_of(report, done.returncode)

    def counts(self) -> Mapping[str, int]:
        """See Slice."""
        return self._checked


def faults_of(report: Mapping[str, Any], status: int) -> list[str]:
    """What is wrong by an audit, or with it."""
    faults = [difference["sentence"] for difference in report["differences"]]
    faults += [f"order {order} could not be decided" for order in report["undecided"]]
    if not report["ledger_asked"]:
        faults.append(f"the gateway's ledger was not asked: {report['ledger_not_asked']}")
    if not faults and status:
        faults.append(f"the audit ended with status {status} and names no fault")
    return faults
