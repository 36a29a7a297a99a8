"""One PostgreSQL for the whole run, with a fresh database: migrated as its owner, used as the application."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from uuid import UUID

import django
import psycopg2
import pytest
from django.db import connections
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from adapters.embedded.postgres_roles import DatabaseUrls
from adapters.embedded.stack import EmbeddedStack
from adapters.embedded.state_directory import StateDirectory
from adapters.system_clock import new_id
from entrypoints.settings import Settings

# Models can be imported by test modules from here on; no connection is made before a test asks for the
# database.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "entrypoints.django_site.settings")
django.setup()

from adapters.django_orm import schema  # noqa: E402 - Django must be set up before its models are imported
from adapters.django_orm.access import DjangoAccessAdministration  # noqa: E402
from entrypoints.django_site.settings import databases  # noqa: E402

TEST_DATABASE = "holdwater_test"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """A running PostgreSQL with Holdwater's roles."""
    with EmbeddedStack(StateDirectory(tmp_path_factory.mktemp("postgres")), with_redis=False) as stack:
        yield stack


@pytest.fixture(scope="session")
def database_urls(postgres: EmbeddedStack) -> Iterator[DatabaseUrls]:
    """The URLs of a migrated database; Django's aliases are connected to it, each in its own role."""
    urls = postgres.create_database(TEST_DATABASE)
    use_database(urls)
    schema.migrate()
    yield urls
    connections.close_all()


def use_database(urls: DatabaseUrls) -> None:
    """Let Django's aliases mean that database, in every thread."""
    connections.close_all()
    settings = Settings(
        database_url=urls.app_url,
        database_owner_url=urls.owner_url,
        database_system_url=urls.system_url,
        database_purge_url=urls.purge_url,
    )
    for alias, database in databases(settings).items():
        connections.settings[alias].update(database)


@pytest.fixture
def release_thread() -> Callable[[], None]:
    """Closes the connections of the thread that calls it."""
    return connections.close_all


@pytest.fixture
def new_tenant(database_urls: DatabaseUrls) -> Callable[[], UUID]:
    """Makes a tenant that no other test has."""

    def create() -> UUID:
        tenant_id = new_id()
        DjangoAccessAdministration().create_tenant(tenant_id, f"tenant-{tenant_id.hex}")
        return tenant_id

    return create


@pytest.fixture
def tenant_id(new_tenant: Callable[[], UUID]) -> UUID:
    """A tenant of the test's own."""
    return new_tenant()


@pytest.fixture
def other_tenant_id(new_tenant: Callable[[], UUID]) -> UUID:
    """A second tenant of the test's own."""
    return new_tenant()


@pytest.fixture
def superuser(database_urls: DatabaseUrls) -> Iterator[Connection]:
    """A connection that may do anything, each statement a transaction of its own."""
    with closing(psycopg2.connect(database_urls.superuser_url)) as connection:
        connection.autocommit = True
        yield connection


@pytest.fixture
def app(database_urls: DatabaseUrls) -> Iterator[Connection]:
    """A plain connection as the application's role, in a transaction; rolled back at the end."""
    with closing(psycopg2.connect(database_urls.app_url)) as connection:
        yield connection
