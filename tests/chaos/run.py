"""One chaos run: start the stack, load it, kill and flush, let it settle, check."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psycopg2
import redis

from adapters.embedded.errors import EmbeddedServiceError
from adapters.embedded.ports import http_answers
from adapters.embedded.stack import EmbeddedStack
from adapters.embedded.supervisor import Patience
from chaos.receiver import HANGS_UP
from chaos.slices import Slice, Target
from chaos.tables import read
from chaos.victims import VICTIMS, Killer, kill
from entrypoints.cli.stack import running_service
from entrypoints.settings import Settings

PROCESSES: Final = {"worker": 3, "relay": 2, "scheduler": 2}
PATIENCE: Final = Patience(restarts_max=10_000, back_off_max_s=1.0)
SETTLE_S_MAX: Final = 420.0
"""Claims of killed workers run out after a minute; a notice that failed right then waits for five."""
OUTAGE_S: Final = 10.0
CALM: Final = 20
"""So much is under way at any moment of a healthy run: with no more than this left, nothing old is."""
EFFECTS_WITHIN_S: Final = 5.0
"""After Redis is back, the effects of what was accepted without it."""
POLL_S: Final = 0.25
REDIS_BACK_S_MAX: Final = 30.0
WEB_BACK_S_MAX: Final = 120.0
"""After the last kill; a busy machine starts a process slowly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intensity:
    """How long, and how hard. `outage`: whether Redis is held down at the end, and its return is timed.

    `hangs_up`: the share of notices that are taken without an answer. One whose worker was killed as well waits for
    five minutes, so a run that has no time for that has none.
    """

    seconds: float
    kill_every_s: float
    flush_every_s: float
    outage: bool = True
    hangs_up: float = HANGS_UP


@dataclass(slots=True)
class Outage:
    """Redis held down while orders come in."""

    began_at: datetime
    ended_at: datetime
    messages: int = 0
    effects_s: float | None = None
    """From its return until the last message that was written without it was settled."""


@dataclass(slots=True, kw_only=True)
class Report:
    """What was done and found."""

    seed: int
    seconds: float
    kills: Counter[str] = field(default_factory=Counter)
    flushes: int = 0
    counts: dict[str, Mapping[str, int]] = field(default_factory=dict)
    outage: Outage | None = None
    settled_in_s: float | None = None
    differences: list[str] = field(default_factory=list)


class ChaosRun:
    """The stack belongs to the thread that calls `run`; load, kills and checks have another."""

    def __init__(self, seed: int, intensity: Intensity, slices: Sequence[Slice]) -> None:
        self._dice = random.Random(seed)
        self._intensity, self._slices = intensity, slices
        self.report = Report(seed=seed, seconds=intensity.seconds)

    def run(self, state_dir: Path) -> Report:
        """Settings of the service come from the environment."""
        with running_service(
            state_dir,
            port=None,
            workers=2,
            report=lambda line: None,
            handle_signals=True,
            processes=PROCESSES,
            patience=PATIENCE,
        ) as (stack, service):
            settings = Settings.from_environment()  # as the stack has set it for its processes, and this one
            target = Target(
                state_dir=stack.state.path,
                url=service.url,
                token=service.token,
                superuser_url=stack.urls.superuser_url,
                gateway_url=settings.payment_gateway_url,
                gateway_token=settings.payment_gateway_token,
            )
            driver = threading.Thread(target=self._drive, args=(stack, target), name="driver", daemon=True)
            driver.start()
            try:
                stack.run_until_stopped()
            except EmbeddedServiceError as error:
                self.report.differences.append(f"the stack gave up: {error}")
            if driver.is_alive() and not self.report.differences:
                self.report.differences.append("the run was stopped before its end")
        return self.report

    def _drive(self, stack: EmbeddedStack, target: Target) -> None:
        try:
            self._load_and_strike(stack, target)
            self._settle_and_check(target)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run has failed and says why
            self.report.differences.append(f"the run broke off: {type(error).__name__}: {error}")
        finally:
            stack.request_stop()

    def _load_and_strike(self, stack: EmbeddedStack, target: Target) -> None:
        for each in self._slices:
            each.prepare(target)
        for each in self._slices:
            each.start(random.Random(self._dice.getrandbits(64)))
        killer = Killer(self._dice, lambda: stack.pids, tuple(VICTIMS))
        self.report.kills = killer.kills
        self._strike(stack, killer)
        if self._intensity.outage:
            for each in self._slices:
                each.be_fair()
            self._wait_for_settled(target, at_most=CALM)
            _wait_for_answers(target)
            self.report.outage = self._hold_redis_down(stack, target)
        for each in self._slices:
            each.stop()

    def _strike(self, stack: EmbeddedStack, killer: Killer) -> None:
        now = time.monotonic()
        end, next_kill, next_flush = now + self._intensity.seconds, now, now
        while (now := time.monotonic()) < end:
            if now >= next_kill:
                killer.strike()
                next_kill = now + self._intensity.kill_every_s * self._dice.uniform(0.5, 1.5)
            if now >= next_flush and _flush(stack):
                self.report.flushes += 1
                next_flush = now + self._intensity.flush_every_s * self._dice.uniform(0.5, 1.5)
            time.sleep(0.05)

    def _hold_redis_down(self, stack: EmbeddedStack, target: Target) -> Outage:
        began_at, end = _database_time(target), time.monotonic() + OUTAGE_S
        while time.monotonic() < end:
            if (pid := stack.pids.get("redis")) is not None:
                kill(pid)
            time.sleep(0.02)
        deadline = time.monotonic() + REDIS_BACK_S_MAX
        while not _answers(stack) and time.monotonic() < deadline:
            time.sleep(0.01)
        return Outage(began_at, _database_time(target))

    def _settle_and_check(self, target: Target) -> None:
        began = time.monotonic()
        self._wait_for_settled(target, at_most=0)
        self.report.settled_in_s = time.monotonic() - began
        if self.report.outage is not None:
            self._judge_outage(self.report.outage, target)
        for each in self._slices:
            self.report.differences += [f"{each.name}: {line}" for line in each.differences()]
            self.report.counts[each.name] = each.counts()

    def _wait_for_settled(self, target: Target, *, at_most: int) -> None:
        """Until little enough is left to do; what is left after SETTLE_S_MAX the checks will name."""
        deadline = time.monotonic() + SETTLE_S_MAX
        while time.monotonic() < deadline:
            try:
                if sum(each.unsettled() for each in self._slices) <= at_most:
                    return
            except psycopg2.Error:
                pass  # PostgreSQL is still on its way back
            time.sleep(POLL_S)

    def _judge_outage(self, outage: Outage, target: Target) -> None:
        ((outage.messages, outage.effects_s),) = read(
            target,
            "SELECT count(*), extract(epoch FROM max(settled_at) - %(back)s)::float FROM message"
            " WHERE created_at BETWEEN %(down)s AND %(back)s",
            {"down": outage.began_at, "back": outage.ended_at},
        )
        if not outage.messages:
            self.report.differences.append("nothing was accepted while Redis was down")
        elif outage.effects_s is None or outage.effects_s > EFFECTS_WITHIN_S:
            self.report.differences.append(
                f"effects came {outage.effects_s} s after Redis was back; {EFFECTS_WITHIN_S:g} s are promised"
            )


def _wait_for_answers(target: Target) -> None:
    """Until web takes orders again: nothing is unsettled either where nothing is accepted."""
    port = urlsplit(target.url).port or 80
    deadline = time.monotonic() + WEB_BACK_S_MAX
    while not http_answers(port, "/readyz") and time.monotonic() < deadline:
        time.sleep(POLL_S)


def _flush(stack: EmbeddedStack) -> bool:
    try:
        with redis.Redis.from_url(
            stack.redis_url or "", socket_timeout=2, socket_connect_timeout=2
        ) as client:
            return bool(client.flushall())
    except redis.RedisError:
        return False


def _answers(stack: EmbeddedStack) -> bool:
    try:
        with redis.Redis.from_url(
            stack.redis_url or "", socket_timeout=2, socket_connect_timeout=2
        ) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _database_time(target: Target) -> datetime:
    ((at,),) = read(target, "SELECT clock_timestamp()")
    found: datetime = at
    return found
