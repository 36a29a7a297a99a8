"""A database of its own for tests of partitions, which are the whole installation's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from adapters.django_orm import schema
from adapters.embedded.postgres_roles import DatabaseUrls
from adapters.embedded.stack import EmbeddedStack
from integration.conftest import use_database

DATABASE = "partitions_test"


@pytest.fixture(scope="module")
def partitions_urls(postgres: EmbeddedStack, database_urls: DatabaseUrls) -> Iterator[DatabaseUrls]:
    """A migrated database that Django's aliases are connected to."""
    urls = postgres.create_database(DATABASE)
    use_database(urls)
    schema.migrate()
    yield urls
    use_database(database_urls)
    postgres.drop_database(DATABASE)


@pytest.fixture
def owner(partitions_urls: DatabaseUrls) -> Iterator[Connection]:
    """The tables' owner, each statement a transaction of its own; partitions are gone at the start."""
    with closing(psycopg2.connect(partitions_urls.owner_url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE dirty_mark, latest_reading")
            cursor.execute("SELECT name FROM reading_partitions()")
            for (name,) in cursor.fetchall():
                cursor.execute(f"DROP TABLE {name}")
        yield connection


@pytest.fixture
def app_role(partitions_urls: DatabaseUrls) -> Iterator[Connection]:
    """The application's role, each statement a transaction of its own, in a time zone far from UTC."""
    with closing(psycopg2.connect(partitions_urls.app_url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SET timezone = 'Pacific/Kiritimati'")
        yield connection
