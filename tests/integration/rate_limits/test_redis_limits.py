"""Rate limits that processes count together, and what becomes of them when Redis is flushed or away."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from adapters.embedded.stack import EmbeddedStack
from adapters.memory.rate_limit import InMemoryRateLimiter
from adapters.redis_limits import RedisRateLimiter
from adapters.system_clock import new_id
from application.ports.rate_limit import RateLimits
from integration.rate_limits.conftest import url_of
from unit.contracts.rate_limit_contract import CLIENTS, NewLimiter, RateLimiterContract, limits
from unit.contracts.threads import Threads

PATIENCE_S = 10
"""For a Redis that has to serve a hundred threads on a busy machine; nothing here is to fall back by chance."""


NewProcess = Callable[..., RedisRateLimiter]


@pytest.fixture
def new_process() -> Iterator[NewProcess]:
    """Makes a limiter as one process has it: `new_process(url, limits, …)`."""
    made: list[RedisRateLimiter] = []

    def make(url: str, given: RateLimits, **options: Any) -> RedisRateLimiter:
        chosen = {"step_timeout_s": PATIENCE_S, "ask_again_after_s": 1, **options}
        made.append(RedisRateLimiter(url, given, InMemoryRateLimiter(given), **chosen))
        return made[-1]

    yield make
    for limiter in made:
        limiter.close()


class TestTheLimitsInRedis(RateLimiterContract):
    @pytest.fixture
    def new_limiter(self, redis_url: str, new_process: NewProcess) -> NewLimiter:
        return lambda given: new_process(redis_url, given)

    @pytest.mark.promise("A4")
    def test_are_counted_by_all_processes_together(self, redis_url: str, new_process: NewProcess) -> None:
        processes = [new_process(redis_url, limits(owner=50)) for _ in range(5)]
        tenant = new_id()
        outcomes = Threads(lambda: None).race(
            CLIENTS, lambda number: processes[number % 5].admit(tenant, "alice")
        )
        assert [one.error for one in outcomes if one.error] == []
        assert [one.result for one in outcomes].count(None) == 50

    def test_leave_nothing_that_does_not_expire(self, redis_url: str, new_process: NewProcess) -> None:
        tenant = new_id()
        new_process(redis_url, limits(window_s=60)).admit(tenant, "alice")
        with redis.Redis.from_url(redis_url) as client:
            keys = list(client.scan_iter(f"*{tenant}*"))
            assert len(keys) == 2
            assert all(0 < client.ttl(key) <= 61 for key in keys)

    @pytest.mark.parametrize("command", ["SCRIPT FLUSH", "FLUSHALL"])
    def test_hold_after_a_flush(self, redis_url: str, new_process: NewProcess, command: str) -> None:
        limiter, tenant = new_process(redis_url, limits(owner=1)), new_id()
        assert limiter.admit(tenant, "alice") is None
        with redis.Redis.from_url(redis_url) as client:
            client.execute_command(*command.split())
        limiter.admit(tenant, "alice")
        assert limiter.admit(tenant, "alice") is not None
        with redis.Redis.from_url(redis_url) as client:
            assert len(list(client.scan_iter(f"*{tenant}*"))) == 2, "the process counted by itself"


class TestALostRedis:
    @pytest.mark.promise("A4")
    def test_leaves_each_process_to_count_for_itself_until_it_is_back(
        self, start_redis: Callable[[], EmbeddedStack], new_process: NewProcess
    ) -> None:
        stack = start_redis()
        url, tenant = url_of(stack), new_id()
        one, other = (new_process(url, limits(owner=2), ask_again_after_s=0) for _ in range(2))
        assert [one.admit(tenant, "alice"), other.admit(tenant, "alice")] == [None, None]
        assert one.admit(tenant, "alice") is not None
        os.kill(stack.pids["redis"], signal.SIGKILL)
        for process in (one, other):
            waits = [process.admit(tenant, "alice") for _ in range(3)]
            assert waits[:2] == [None, None]
            assert waits[2] is not None
        stack.stop()
        again = start_redis()
        assert url_of(again) == url
        assert [one.admit(tenant, "alice"), other.admit(tenant, "alice")] == [None, None]
        assert [process.admit(tenant, "alice") is None for process in (one, other)] == [False, False]


class TestASilentRedis:
    @pytest.mark.promise("A4")
    def test_is_asked_by_one_request_in_the_pause_between_tries(
        self, silent_server: SilentServer, new_process: NewProcess
    ) -> None:
        now = [0.0]
        limiter = new_process(silent_server.url, limits(), step_timeout_s=0.05, seconds=lambda: now[0])
        tenant = new_id()
        for second in range(1, 4):
            assert [limiter.admit(tenant, "alice") for _ in range(50)] == [None] * 50
            assert silent_server.connections == second
            now[0] += 1


class SilentServer:
    """Takes connections and never answers."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._kept: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"redis://:secret@127.0.0.1:{self._socket.getsockname()[1]}/0"

    @property
    def connections(self) -> int:
        """How many have come."""
        return len(self._kept)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for one in self._kept:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                self._kept.append(self._socket.accept()[0])
            except OSError:
                return


@pytest.fixture
def silent_server() -> Iterator[SilentServer]:
    """A server that hangs."""
    server = SilentServer()
    yield server
    server.close()
