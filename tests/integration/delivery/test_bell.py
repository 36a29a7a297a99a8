"""A bell over a real Redis: a wait ends by a ring, and by time when Redis is away."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from adapters.embedded.stack import EmbeddedStack
from adapters.redis_bell import RedisBell

TOO_LONG_S = 50.0
"""The test's own time-out would end it."""


def listener(url: str) -> RedisBell:
    """Who listens already: the first wait ends with the subscription."""
    bell = RedisBell(url)
    bell.wait(TOO_LONG_S)
    return bell


@pytest.mark.promise("O2")
def test_a_ring_of_another_process_ends_the_wait_of_every_listener(
    start_redis: Callable[[], EmbeddedStack],
) -> None:
    url = start_redis().redis_url
    assert url is not None
    listeners = [listener(url), listener(url)]
    ringer = RedisBell(url)
    threads = [threading.Thread(target=each.wait, args=(TOO_LONG_S,), daemon=True) for each in listeners]
    for thread in threads:
        thread.start()
    ringer.ring()
    for thread in threads:
        thread.join(TOO_LONG_S)
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.promise("O2")
def test_rings_while_nobody_waits_end_the_next_wait_and_are_one(
    start_redis: Callable[[], EmbeddedStack],
) -> None:
    url = start_redis().redis_url
    assert url is not None
    waiting, ringer = listener(url), RedisBell(url)
    for _ in range(100):
        ringer.ring()
    waiting.wait(TOO_LONG_S)


@pytest.mark.promise("O2")
def test_without_a_server_nobody_fails_and_a_bell_that_is_back_rings_again(
    start_redis: Callable[[], EmbeddedStack],
) -> None:
    stack = start_redis()
    url = stack.redis_url
    assert url is not None
    waiting, ringer = listener(url), RedisBell(url)
    stack.stop()
    ringer.ring()
    waiting.wait(0.1)
    assert start_redis().redis_url == url
    waiting.wait(TOO_LONG_S)  # subscribes again
    stop = threading.Event()

    def ring_on() -> None:
        while not stop.wait(0.1):
            ringer.ring()

    thread = threading.Thread(target=ring_on, daemon=True)
    thread.start()
    waiting.wait(TOO_LONG_S)
    stop.set()
    thread.join()
