"""The web role: granian with our WSGI application, run from settings.

Workers are processes, each with some threads; granian's own access log is off, since the application writes one. What
granian lacks is added here: a notice before it stops accepting (A5), and workers that end with their parent.
"""

from __future__ import annotations

import ctypes
import importlib
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

from django.db import connections
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from application.ports.unit_of_work import StoreUnavailable
from entrypoints import drain, logs
from entrypoints.container import Container
from entrypoints.heartbeat import Heart
from entrypoints.limits import (
    CONNECTIONS_WAITING_MAX,
    DRAIN_NOTICE_S,
    HEADERS_READ_TIMEOUT_S,
    PARENT_CHECK_INTERVAL_S,
    SHUTDOWN_S,
)
from entrypoints.settings import METRICS_FOLDER_VARIABLE, SettingInvalid, Settings, adopt

_PR_SET_PDEATHSIG: Final = 1
_DRAIN_SIGNAL: Final = signal.SIGUSR1
_RESPAWN_INTERVAL_S: Final = 0.1
_THREAD_IDLE_S: Final = 600
"""A thread that ends takes its database connection with it; granian allows no more than this."""

# Warnings of granian's own go the way of all logs here.
_GRANIAN_LOGS: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {"_granian": {"handlers": [], "propagate": True}},
}

_log: Final = logging.getLogger("holdwater.web")


@dataclass(frozen=True, slots=True)
class _WorkerStart:
    """What granian calls in each worker to get its application; picklable, for start methods that copy nothing."""

    server_pid: int
    log_format: Any
    log_level: str

    def __call__(self) -> Callable[..., Any]:
        logs.configure(self.log_format, self.log_level)
        _die_with(self.server_pid)
        hearts: list[Heart] = []

        def begin_drain(signum: int, frame: FrameType | None) -> None:
            drain.begin()
            for heart in hearts:
                heart.ask_to_stop()

        signal.signal(_DRAIN_SIGNAL, begin_drain)
        # By name, since nothing of the API may be loaded in the server's own process before it forks.
        application = importlib.import_module("entrypoints.django_site.wsgi").application
        container = importlib.import_module("entrypoints.rest_api.wiring").container()
        _check_isolation(container)
        # NumPy is loaded with these: the first batch is not to wait for it.
        container.ingest_readings()
        container.reading_decoder()
        hearts.append(Heart(container, "web"))
        hearts[0].start()
        return application


class _Server(MPServer):
    """Granian that says in /readyz that it is stopping, DRAIN_NOTICE_S before it stops accepting."""

    _is_draining = False

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        """SIGTERM tells the workers and waits; a second one, or Ctrl-C, stops at once."""
        if self._is_draining or (args and args[0] == signal.SIGINT):
            super().signal_handler_interrupt()  # type: ignore[no-untyped-call]
            return
        self._is_draining = True
        for worker in self.wrks:
            _tell(worker.inner.pid, _DRAIN_SIGNAL)
        timer = threading.Timer(DRAIN_NOTICE_S, super().signal_handler_interrupt)
        timer.daemon = True
        timer.start()


def serve(
    settings: Settings, *, host: str = "127.0.0.1", port: int = 8000, state_dir: Path | None = None
) -> None:
    """Serve until SIGTERM or SIGINT; returns when every accepted request has been answered, or SHUTDOWN_S is over.

    The workers' counts for /metrics stand in `state_dir` if that exists, else in a temporary folder.

    To be called from the main thread, with Django set up and the database role checked; each worker checks it again.
    Raises SettingInvalid if the address can't be listened on, SystemExit (above 0) when workers keep failing.
    """
    _require_free(host, port)
    logs.configure(settings.log_format, settings.log_level)
    signal.signal(_DRAIN_SIGNAL, signal.SIG_IGN)  # a worker that only starts up must not die of it
    connections.close_all()  # a connection that is open across a fork would have two ends here
    server = _Server(
        "entrypoints.django_site.wsgi:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADERS_READ_TIMEOUT_S * 1_000),
        workers=settings.web_workers,
        blocking_threads=settings.web_threads,
        blocking_threads_idle_timeout=_THREAD_IDLE_S,
        backlog=CONNECTIONS_WAITING_MAX,
        log_level=LogLevels.warning,
        log_dictconfig=_GRANIAN_LOGS,
        log_access=False,
        respawn_failed_workers=True,
        respawn_interval=_RESPAWN_INTERVAL_S,
        workers_kill_timeout=SHUTDOWN_S,
    )
    _log.info("listening", extra={"fields": {"address": f"http://{host}:{port}", "pid": os.getpid()}})
    start = _WorkerStart(os.getpid(), settings.log_format, settings.log_level)
    with _metrics_folder(state_dir, port) as folder:
        adopt({METRICS_FOLDER_VARIABLE: str(folder)})
        server.serve(target_loader=start, wrap_loader=False)


@contextmanager
def _metrics_folder(state_dir: Path | None, port: int) -> Iterator[Path]:
    """An empty folder of this server's own, removed afterwards; one that a killed server left is emptied first.

    A worker's counts stay when it is replaced, so that they never fall while the server runs.
    """
    if state_dir is not None and state_dir.is_dir():
        folder = state_dir.absolute() / f"metrics-{port}"  # the port is ours alone, see _require_free
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
    else:
        folder = Path(tempfile.mkdtemp(prefix="holdwater-metrics-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _require_free(host: str, port: int) -> None:
    """Raise SettingInvalid unless one can listen there.

    The workers share the port by SO_REUSEPORT, which would let a second server of the same user join them unnoticed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise SettingInvalid(
            f"can't listen on {host} port {port} ({error.strerror}); stop what listens there, or choose another --port"
        ) from None


def _check_isolation(container: Container) -> None:
    """End this worker if its database role could see past a tenant.

    While the database can't be reached nothing is served from it either; the server's own process has checked the
    role before it started, so a worker that replaces a lost one in that time may start.
    """
    try:
        container.refuse_void_isolation()
    except StoreUnavailable as error:
        _log.warning("the database role could not be checked: %s", error)
    finally:
        connections.close_all()


def _die_with(parent_pid: int) -> None:
    """End this process when its parent is gone, however that ended: by the kernel on Linux, by looking elsewhere.

    The kernel's signal comes when the parent's *thread* ends that forked; granian forks from its main thread.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    threading.Thread(target=_watch_parent, args=(parent_pid,), name="parent-watch", daemon=True).start()


def _watch_parent(parent_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(PARENT_CHECK_INTERVAL_S)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SHUTDOWN_S)
    os._exit(1)


def _tell(pid: int | None, signum: signal.Signals) -> None:
    try:
        if pid is not None:
            os.kill(pid, signum)
    except ProcessLookupError:
        pass
