"""How far a file has got, kept beside the state directory so that a killed run is gone on with."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from entrypoints.cli.errors import CommandFailed
from entrypoints.cli.ingest.faults import Fault
from entrypoints.cli.ingest.pieces import Place

FAULTS_NAMED_MAX: Final = 10
SAMPLE_BYTES: Final = 1 << 16
"""Of the file's head, and of its tail, that belong to its identity."""


@dataclass(slots=True, kw_only=True)
class Counts:
    """What has become of the rows so far. `duplicate` holds the conflicts too; `refused` was never sent."""

    rows: int = 0
    empty: int = 0
    ambiguous: int = 0
    nonexistent: int = 0
    refused: int = 0
    accepted: int = 0
    duplicate: int = 0
    conflict: int = 0
    rejected: int = 0

    @property
    def readings(self) -> int:
        """Those of the file."""
        return self.refused + self.accepted + self.duplicate + self.rejected

    def add(self, **counts: int) -> None:
        """Count."""
        for name, count in counts.items():
            setattr(self, name, getattr(self, name) + count)


@dataclass(slots=True, kw_only=True)
class Progress:
    """Everything up to `place` is acknowledged. `run` names the run in request keys, over all its starts."""

    run: str
    place: Place
    batches: int = 0
    counts: Counts = field(default_factory=Counts)
    faults: list[Fault] = field(default_factory=list)
    """The first FAULTS_NAMED_MAX."""
    refused_bytes: int = 0
    """Length of the file of refused rows."""

    def add_faults(self, faults: Sequence[Fault]) -> None:
        """As many as are named."""
        self.faults.extend(faults[: FAULTS_NAMED_MAX - len(self.faults)])


class Journal:
    """The record of one file and one set of options; a lock keeps a second run out. Use in a `with`."""

    def __init__(self, folder: Path, key: str) -> None:
        self._folder = folder
        self._file = folder / f"{key}.json"
        self._refused_file = folder / f"{key}.refused.ndjson"
        self._lock_file = folder / f"{key}.lock"
        self._lock: IO[str] | None = None
        self._refused: IO[bytes] | None = None

    def __enter__(self) -> Journal:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = self._lock_file.open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise CommandFailed(
                "another `holdwater ingest` sends this file at present", exit_code=os.EX_TEMPFAIL
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        for opened in (self._refused, self._lock):
            if opened is not None:
                opened.close()

    @property
    def refused_file(self) -> Path:
        """Where rows are told that were never sent."""
        return self._refused_file

    def begin(self, start: Place) -> tuple[Progress, bool]:
        """The progress of the run that was not finished, and True; else that of a new one."""
        progress = self._read()
        is_old = progress is not None
        progress = progress or Progress(run=uuid.uuid4().hex, place=start)
        self._refused = self._refused_file.open("ab" if is_old else "wb")
        self._refused.truncate(progress.refused_bytes)
        self._refused.seek(0, os.SEEK_END)
        self._write(progress)
        return progress, is_old

    def advance(self, progress: Progress, refused: Sequence[Fault]) -> None:
        """Keep the rows that were refused, then the progress that has them behind it."""
        if refused and self._refused is not None:
            for fault in refused:
                self._refused.write(
                    json.dumps(fault._asdict(), ensure_ascii=False).encode(errors="replace") + b"\n"
                )
            self._refused.flush()
            progress.refused_bytes = self._refused.tell()
        self._write(progress)

    def finish(self, progress: Progress) -> None:
        """The next run begins anew. The file of refused rows stays if there are any."""
        self._file.unlink(missing_ok=True)
        if not progress.refused_bytes:
            self._refused_file.unlink(missing_ok=True)

    def _read(self) -> Progress | None:
        try:
            kept: dict[str, Any] = json.loads(self._file.read_bytes())
            return Progress(
                run=kept["run"],
                place=Place(*kept["place"]),
                batches=kept["batches"],
                counts=Counts(**kept["counts"]),
                faults=[Fault(*fault) for fault in kept["faults"]],
                refused_bytes=kept["refused_bytes"],
            )
        except (OSError, ValueError, KeyError, TypeError):
            # None, or one that a lost disk has torn: everything is sent again, and nothing doubles.
            return None

    def _write(self, progress: Progress) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(progress)), encoding="utf-8")
        fresh.replace(self._file)


def identity_of(path: Path) -> dict[str, object]:
    """What tells a file from what it was before: name, size, time of change, and a digest of its head and tail."""
    found = path.stat()
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(SAMPLE_BYTES))
        file.seek(max(found.st_size - SAMPLE_BYTES, 0))
        digest.update(file.read(SAMPLE_BYTES))
    return {
        "path": str(path.resolve()),
        "size": found.st_size,
        "mtime_ns": found.st_mtime_ns,
        "sample": digest.hexdigest(),
    }


def key_of(**identity: object) -> str:
    """A name for a journal: the same for the same file with the same options."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()[:24]
