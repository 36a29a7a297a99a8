"""A short run over the real stack: every kind of process is killed once and more, and nothing differs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from chaos.__main__ import chaos, show
from chaos.run import Intensity
from chaos.victims import VICTIMS

SEED = 20_261_124
SHORT = Intensity(seconds=25, kill_every_s=1.5, flush_every_s=5, outage=False, hangs_up=0)


@pytest.fixture
def own_environment() -> Iterator[None]:
    """What the run sets for the service is gone afterwards."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.timeout(600)
@pytest.mark.promise("H9", "O0", "O1", "O2", "O3", "O4", "S2", "S3", "S8", "M1", "M2", "T6", "W1", "W2")
def test_kills_and_flushes_lose_nothing_and_double_nothing(
    tmp_path: Path, own_environment: None, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.parent.parent.chmod(0o711)
    report = chaos(SEED, SHORT, tmp_path / "var")
    with capsys.disabled():
        show(report, Console())
    assert report.differences == []
    assert set(report.kills) == set(VICTIMS)
    assert report.flushes > 0
    assert min(report.counts["orders"][kind] for kind in ("orders", "amendments", "cancellations")) > 0
    readings = report.counts["readings"]
    assert min(readings[kind] for kind in ("readings accepted", "readings known already")) > 0
    found = report.counts["fulfilment"]
    assert min(found["paying orders confirmed at the end"], found["compensations"]) > 0
