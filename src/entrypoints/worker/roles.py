"""What `holdwater worker`, `holdwater relay` and `holdwater scheduler` run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from application.delivery.relay import WAKES_PER_ROUND_MAX, RelayHandler
from application.ports.task_queue import Lane
from application.upkeep.run_due_job import RunDueJobHandler
from entrypoints.container import Container
from entrypoints.worker.jobs import jobs_of
from entrypoints.worker.rounds import run_rounds

RELAY_POLL_S: Final = 0.25
RELAY_REST_S: Final = 0.02
"""Between two rounds, however often the bell rings: so that a round finds several keys when there are many."""
SCHEDULER_POLL_S: Final = 1.0
WORKER_STOP_MS: Final = 20_000
"""How long running tasks may take to finish after SIGTERM; a claim that is left behind runs out."""


def run_relay(container: Container, stop: threading.Event) -> None:
    """Wake workers over the broker until told to stop; who commits messages rings for the next round."""
    queue = container.task_queue()
    idle = container.bell().wait if container.settings().redis_url else None
    try:
        _relay(container.relay(queue=queue), stop, idle=idle)
    finally:
        queue.close()


def run_worker(container: Container, stop: threading.Event) -> None:
    """Handle messages until told to stop, then finish what runs; without a broker it wakes itself."""
    settings, handle = container.settings(), container.handle_wake().handle
    threads = {
        Lane.MESSAGES: settings.worker_threads,
        Lane.SAGAS: settings.saga_threads,
        Lane.READINGS: settings.intake_threads,
    }
    if settings.broker_url:
        queues = {lane: container.task_queue() for lane in threads}
        workers = [
            container.worker_of(queues[lane], lane, handle, threads=count) for lane, count in threads.items()
        ]
        for worker in workers:
            worker.start()
        stop.wait()
        with ThreadPoolExecutor(len(workers)) as side_by_side:
            list(side_by_side.map(lambda worker: worker.stop(timeout=WORKER_STOP_MS), workers))
        for queue in queues.values():
            queue.close()
        return
    own_queue = container.thread_queue(handle, threads=threads)
    try:
        _relay(container.relay(queue=own_queue), stop)
    finally:
        own_queue.close()


def run_scheduler(container: Container, stop: threading.Event) -> None:
    """Run jobs that are due until told to stop; then the job that runs is finished, or left to its lease."""
    handler = RunDueJobHandler(container.schedules(), jobs_of(container))
    planned = False

    def do_round() -> bool:
        nonlocal planned
        if not planned:
            handler.plan()
            planned = True
        return handler.handle()

    run_rounds(do_round, stop=stop, idle_s=SCHEDULER_POLL_S)


def _relay(relay: RelayHandler, stop: threading.Event, idle: Callable[[float], object] | None = None) -> None:
    def rest(idle_s: float) -> None:
        if not stop.wait(RELAY_REST_S):
            (idle or stop.wait)(idle_s)

    run_rounds(lambda: relay.handle() == WAKES_PER_ROUND_MAX, stop=stop, idle_s=RELAY_POLL_S, idle=rest)
