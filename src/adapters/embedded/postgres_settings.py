"""PostgreSQL's settings, computed from the machine: durable always, sized to memory and cores."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

MAX_CONNECTIONS = 100

_MB = 1024**2
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_CGROUP_CPUS = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True, slots=True)
class Machine:
    """What the settings depend on; memory and free disk in bytes."""

    memory: int
    cores: int
    disk_free: int

    @classmethod
    def here(cls, data: Path) -> Machine:
        """This machine, or the container's share of it (cgroup version 2)."""
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        cores = len(os.sched_getaffinity(0)) if sys.platform.startswith("linux") else os.cpu_count() or 1
        limit = _first_word(_CGROUP_LIMIT)
        quota, period = _first_word(_CGROUP_CPUS), _second_word(_CGROUP_CPUS)
        return cls(
            memory=min(memory, int(limit)) if limit.isdigit() else memory,
            cores=min(cores, max(1, int(quota) // int(period))) if quota.isdigit() else cores,
            disk_free=shutil.disk_usage(data).free,
        )


def settings_for(machine: Machine) -> dict[str, str]:
    """Settings for a server that shares its machine with web processes and workers.

    An eighth of the memory for the buffers and half as the cache estimate, for PostgreSQL's usual quarter and
    three quarters are meant for a machine of its own.
    """
    memory = machine.memory
    max_wal = _clamp(min(memory // 4, machine.disk_free // 8), 512 * _MB, 4096 * _MB)
    settings = {
        # Durable: an answered write survives a power cut.
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        # Memory
        "shared_buffers": _megabytes(_clamp(memory // 8, 128 * _MB, 4096 * _MB)),
        "effective_cache_size": _megabytes(max(memory // 2, 256 * _MB)),
        "work_mem": _megabytes(_clamp(memory // (16 * MAX_CONNECTIONS), 4 * _MB, 64 * _MB)),
        "maintenance_work_mem": _megabytes(_clamp(memory // 32, 64 * _MB, 1024 * _MB)),
        # Files of shared memory live in the data directory, so that a kill -9 leaves none behind elsewhere.
        # Parallel queries use the part that is set aside in memory; a container's small /dev/shm is no limit.
        "dynamic_shared_memory_type": "mmap",
        "min_dynamic_shared_memory": _megabytes(_clamp(memory // 128, 16 * _MB, 256 * _MB)),
        # Write-ahead log: long distances between checkpoints, bounded by a recovery that must end in time.
        "max_wal_size": _megabytes(max_wal),
        "min_wal_size": _megabytes(max_wal // 4),
        "wal_buffers": "16MB",
        "checkpoint_timeout": "5min",
        # Planner: disks without moving heads; short statements, which a compiler slows down.
        "random_page_cost": "1.1",
        "jit": "off",
        "max_parallel_workers": str(machine.cores),
        "max_parallel_workers_per_gather": str(_clamp(machine.cores // 2, 0, 4)),
        # Sessions
        "max_connections": str(MAX_CONNECTIONS),
        "password_encryption": "scram-sha-256",
        "idle_in_transaction_session_timeout": "5min",
        "timezone": "UTC",
        # Log: no statement texts but those of errors, so no secret gets into it.
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %q%u@%d %a ",
        "log_lock_waits": "on",
        "log_statement": "none",
    }
    if sys.platform.startswith("linux"):
        # A statement whose client was killed ends soon instead of holding its locks to its end.
        settings["client_connection_check_interval"] = "2s"
    return settings


def _clamp(value: int, lowest: int, highest: int) -> int:
    return max(lowest, min(value, highest))


def _megabytes(size: int) -> str:
    return f"{size // _MB}MB"


def _first_word(file: Path) -> str:
    return _words(file)[0]


def _second_word(file: Path) -> str:
    return _words(file)[1]


def _words(file: Path) -> list[str]:
    try:
        words = file.read_text(encoding="ascii").split()
    except OSError:
        words = []
    return [*words, "", ""][:2]
