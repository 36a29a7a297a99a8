"""Redis servers of a test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from adapters.embedded.postgres_roles import DatabaseUrls
from adapters.embedded.stack import EmbeddedStack
from adapters.embedded.state_directory import StateDirectory

NO_DATABASE = DatabaseUrls(owner_url="", app_url="", system_url="", purge_url="", superuser_url="")


@pytest.fixture
def start_redis(tmp_path: Path) -> Iterator[Callable[[], EmbeddedStack]]:
    """Starts a Redis; after a stop, again at the same address."""
    with ExitStack() as started:
        yield lambda: started.enter_context(
            EmbeddedStack(StateDirectory(tmp_path / "redis"), database_urls=NO_DATABASE)
        )
