"""The Redis servers of the rate limits' tests serve here too; what pika leaves behind is cleared away."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator

import pytest

from integration.rate_limits.conftest import start_redis as start_redis


@pytest.fixture
def cleared_of_pika() -> Iterator[None]:
    """A connection of pika's that broke, or never came about, leaves its inner pair of sockets to the collector."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
