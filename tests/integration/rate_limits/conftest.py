"""Redis servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from adapters.embedded.postgres_roles import DatabaseUrls
from adapters.embedded.stack import EmbeddedStack
from adapters.embedded.state_directory import StateDirectory

NO_DATABASE = DatabaseUrls(owner_url="", app_url="", system_url="", purge_url="", superuser_url="")


def redis_alone(folder: Path) -> EmbeddedStack:
    """A stack of a Redis and nothing else; one on the same folder again has the same URL."""
    return EmbeddedStack(StateDirectory(folder), database_urls=NO_DATABASE)


def url_of(stack: EmbeddedStack) -> str:
    """The URL of a started stack's Redis."""
    assert stack.redis_url is not None, stack.redis_notice
    return stack.redis_url


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis that the tests share; each has its own tenants."""
    with redis_alone(tmp_path_factory.mktemp("redis")) as stack:
        yield url_of(stack)


@pytest.fixture
def start_redis(tmp_path: Path) -> Iterator[Callable[[], EmbeddedStack]]:
    """Starts a Redis of the test's own; after a stop, again at the same address."""
    with ExitStack() as started:
        yield lambda: started.enter_context(redis_alone(tmp_path / "redis"))
