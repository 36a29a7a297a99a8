"""The three roles: what they can't do, how long they may take, and databases made for them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg2
import pytest
from psycopg2 import errors

from adapters.embedded.errors import EmbeddedServiceError
from adapters.embedded.postgres_roles import DatabaseUrls, prepare_database
from adapters.embedded.stack import EmbeddedStack
from integration.embedded.conftest import query

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def extra(stack: EmbeddedStack) -> Iterator[DatabaseUrls]:
    """A throw-away database beside the stack's own."""
    yield stack.create_database("extra")
    stack.drop_database("extra")


class TestTheRoles:
    def test_no_role_but_the_superuser_has_a_right_above_the_database(self, stack: EmbeddedStack) -> None:
        rows = query(
            stack.urls.superuser_url,
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'holdwater%' AND (rolsuper OR rolbypassrls"
            " OR rolcreatedb OR rolcreaterole OR rolreplication)",
        )
        assert rows == [("holdwater_superuser",)]

    def test_each_logs_in_by_its_own_url(self, stack: EmbeddedStack) -> None:
        urls = stack.urls
        for url, role in (
            (urls.owner_url, "holdwater_owner"),
            (urls.app_url, "holdwater_app"),
            (urls.system_url, "holdwater_system"),
            (urls.purge_url, "holdwater_purge"),
            (urls.superuser_url, "holdwater_superuser"),
        ):
            assert query(url, "SELECT current_user, current_database()") == [(role, "holdwater")]

    def test_a_wrong_password_and_none_are_refused(self, stack: EmbeddedStack) -> None:
        for role, url in (
            ("holdwater_app", stack.urls.app_url),
            ("holdwater_superuser", stack.urls.superuser_url),
        ):
            port = url.rpartition(":")[2].partition("/")[0]
            for password in (":wrong", ""):
                with pytest.raises(psycopg2.OperationalError, match="password"):
                    query(f"postgresql://{role}{password}@127.0.0.1:{port}/holdwater", "SELECT 1")

    def test_passwords_are_stored_as_scram_verifiers(self, stack: EmbeddedStack) -> None:
        rows = query(
            stack.urls.superuser_url,
            "SELECT count(*) FROM pg_authid WHERE rolname LIKE 'holdwater%'"
            " AND rolpassword LIKE 'SCRAM-SHA-256$%'",
        )
        assert rows == [(5,)]

    def test_the_owner_makes_tables_and_the_others_dont(self, stack: EmbeddedStack) -> None:
        query(stack.urls.owner_url, "CREATE TABLE theirs ()")
        try:
            for url in (stack.urls.app_url, stack.urls.system_url, stack.urls.purge_url):
                for statement in ("CREATE TABLE mine ()", "SELECT * FROM theirs", "CREATE SCHEMA mine"):
                    with pytest.raises(errors.InsufficientPrivilege):
                        query(url, statement)
                assert query(url, "CREATE TEMPORARY TABLE staging ()") == []
        finally:
            query(stack.urls.owner_url, "DROP TABLE theirs")

    def test_the_app_role_has_limits_that_grow_outwards(self, stack: EmbeddedStack) -> None:
        names = (
            "lock_timeout",
            "statement_timeout",
            "transaction_timeout",
            "idle_in_transaction_session_timeout",
        )
        columns = ", ".join(f"current_setting('{name}')" for name in names)
        assert query(stack.urls.app_url, f"SELECT {columns}") == [("5s", "8s", "10s", "10s")]

    def test_the_server_ends_a_transaction_past_its_limit(self, stack: EmbeddedStack) -> None:
        connection = psycopg2.connect(stack.urls.app_url)
        with connection.cursor() as cursor:
            cursor.execute("SET transaction_timeout = '100ms'")
            connection.commit()
            with pytest.raises(psycopg2.OperationalError):
                cursor.execute("SELECT pg_sleep(5)")
        assert connection.closed
        # libpq keeps the last of its errors, which is the closed connection; the cause stands in the log.
        assert "due to transaction timeout" in stack.state.log_tail("postgres")


class TestDatabases:
    def test_a_further_one_has_the_same_roles(self, extra: DatabaseUrls) -> None:
        query(extra.owner_url, "CREATE TABLE t (id int); GRANT SELECT ON t TO holdwater_app")
        assert query(extra.app_url, "SELECT count(*), current_database() FROM t") == [(0, "extra")]

    def test_one_in_use_is_dropped_with_its_connections(self, stack: EmbeddedStack) -> None:
        urls = stack.create_database("in_use")
        connection = psycopg2.connect(urls.app_url)
        stack.drop_database("in_use")
        with pytest.raises(psycopg2.OperationalError, match="does not exist"):
            query(urls.app_url, "SELECT 1")
        connection.close()
        stack.drop_database("in_use")

    def test_preparing_again_restores_what_was_changed(self, stack: EmbeddedStack) -> None:
        query(stack.urls.superuser_url, "ALTER ROLE holdwater_app BYPASSRLS PASSWORD 'other'")
        query(stack.urls.superuser_url, "GRANT CONNECT ON DATABASE holdwater TO PUBLIC")
        stack.create_database("holdwater")
        found = "SELECT rolbypassrls FROM pg_roles WHERE rolname = current_user"
        assert query(stack.urls.app_url, found) == [(False,)]
        public = (
            "SELECT count(*) FROM pg_database, aclexplode(datacl) WHERE datname = 'holdwater' AND grantee = 0"
        )
        assert query(stack.urls.superuser_url, public) == [(0,)]

    def test_many_at_once_prepare_one(self, stack: EmbeddedStack) -> None:
        failures: list[Exception] = []

        def prepare() -> None:
            try:
                prepare_database(stack.urls.superuser_url, stack.state.secrets().passwords, "raced")
            except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
                failures.append(error)

        threads = [threading.Thread(target=prepare) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stack.drop_database("raced")
        assert failures == []

    def test_a_name_that_needs_quotes_is_refused(self, stack: EmbeddedStack) -> None:
        for name in ("", "Upper", "a-b", "a;drop", "ünï", "1st", "x" * 64):
            with pytest.raises(EmbeddedServiceError, match="isn't a database name"):
                stack.create_database(name)

    def test_a_role_without_the_right_to_create_roles_is_told_why(self, stack: EmbeddedStack) -> None:
        passwords = stack.state.secrets().passwords
        with pytest.raises(EmbeddedServiceError, match="superuser"):
            prepare_database(stack.urls.app_url, passwords, "refused")
        with pytest.raises(EmbeddedServiceError, match="can't log in"):
            prepare_database("postgresql://nobody:x@127.0.0.1:1/postgres", passwords)

    def test_an_administrator_who_is_no_superuser_prepares_one_too(self, stack: EmbeddedStack) -> None:
        superuser = stack.urls.superuser_url
        query(superuser, "CREATE ROLE admin LOGIN CREATEDB CREATEROLE PASSWORD 'secret'")
        for role in ("owner", "app", "system", "purge"):
            query(superuser, f"GRANT holdwater_{role} TO admin WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
        query(superuser, "GRANT CONNECT ON DATABASE holdwater TO admin")
        try:
            port_and_database = superuser.rpartition("@")[2]
            prepare_database(
                f"postgresql://admin:secret@{port_and_database}", stack.state.secrets().passwords, "managed"
            )
            made = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'managed'"
            assert query(superuser, made) == [("holdwater_owner",)]
            assert query(stack.create_database("managed").app_url, "SELECT 1") == [(1,)]
        finally:
            stack.drop_database("managed")
            query(superuser, "DROP OWNED BY admin; DROP ROLE admin")
