"""Web and worker don't serve as a role that row-level security doesn't bind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from django.db import connections
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from adapters.django_orm.role_check import (
    UnsafeDatabaseRole,
    WrongDatabaseRole,
    require_purge_role,
    require_safe_role,
    require_system_role,
)
from adapters.embedded.postgres_roles import DatabaseUrls
from entrypoints.django_site.settings import databases
from entrypoints.settings import Settings

PROBE = "probe"

pytestmark = pytest.mark.promise("A1")


@pytest.fixture
def check(database_urls: DatabaseUrls) -> Iterator[Callable[[str], None]]:
    """Runs the check over a connection to that URL."""

    def run(url: str) -> None:
        own = databases(Settings(database_url=url))["default"]
        connections.settings[PROBE] = {**connections.settings["default"], **own}
        require_safe_role(PROBE)

    yield run
    if PROBE in connections.settings:
        connections[PROBE].close()
        del connections[PROBE]
        del connections.settings[PROBE]


@dataclass(frozen=True)
class Login:
    """A role of its own, with a password."""

    name: str
    url: str


@pytest.fixture
def new_login(superuser: Connection, database_urls: DatabaseUrls) -> Iterator[Callable[[str], Login]]:
    """Makes a role with those attributes; dropped at the end."""
    made: list[str] = []

    def create(attributes: str) -> Login:
        name = f"probe_{len(made)}"
        with superuser.cursor() as cursor:
            cursor.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'probe' {attributes}")
        made.append(name)
        parts = urlsplit(database_urls.app_url)
        return Login(name, f"postgresql://{name}:probe@{parts.hostname}:{parts.port}{parts.path}")

    yield create
    with superuser.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'probe_%'")
        for name in made:
            cursor.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


@pytest.fixture
def can_connect(superuser: Connection, database_urls: DatabaseUrls) -> Callable[[Login], Login]:
    """Lets a role connect to the database."""

    def grant(login: Login) -> Login:
        database = urlsplit(database_urls.app_url).path.lstrip("/")
        with superuser.cursor() as cursor:
            cursor.execute(f"GRANT CONNECT ON DATABASE {database} TO {login.name}")
        return login

    return grant


class TestTheRoleCheck:
    def test_lets_the_applications_role_pass(
        self, check: Callable[[str], None], database_urls: DatabaseUrls
    ) -> None:
        check(database_urls.app_url)

    def test_lets_a_login_pass_that_acts_as_the_applications_role(
        self,
        check: Callable[[str], None],
        new_login: Callable[[str], Login],
        can_connect: Callable[[Login], Login],
    ) -> None:
        check(can_connect(new_login("IN ROLE holdwater_app")).url)

    def test_refuses_a_superuser(self, check: Callable[[str], None], database_urls: DatabaseUrls) -> None:
        with pytest.raises(UnsafeDatabaseRole, match="role holdwater_superuser: it is a superuser"):
            check(database_urls.superuser_url)

    def test_refuses_the_owner_of_the_tables(
        self, check: Callable[[str], None], database_urls: DatabaseUrls
    ) -> None:
        with pytest.raises(UnsafeDatabaseRole, match="role holdwater_owner: it owns the tables"):
            check(database_urls.owner_url)

    def test_refuses_the_role_that_sees_every_tenant(
        self, check: Callable[[str], None], database_urls: DatabaseUrls
    ) -> None:
        with pytest.raises(UnsafeDatabaseRole, match="role holdwater_system: it sees every tenant"):
            check(database_urls.system_url)

    @pytest.mark.parametrize(
        ("attributes", "reason"),
        [
            ("BYPASSRLS", "it bypasses row-level security"),
            ("IN ROLE holdwater_owner", "it is a member of holdwater_owner, which owns the tables"),
            ("IN ROLE holdwater_superuser", "it is a member of holdwater_superuser, which is a superuser"),
            ("NOINHERIT IN ROLE holdwater_system", "member of holdwater_system, which sees every tenant"),
        ],
    )
    def test_refuses_a_role_with_such_powers(
        self,
        check: Callable[[str], None],
        new_login: Callable[[str], Login],
        can_connect: Callable[[Login], Login],
        attributes: str,
        reason: str,
    ) -> None:
        login = can_connect(new_login(attributes))
        with pytest.raises(UnsafeDatabaseRole, match=reason):
            check(login.url)

    def test_refuses_a_table_without_row_level_security(
        self, check: Callable[[str], None], database_urls: DatabaseUrls, superuser: Connection
    ) -> None:
        with superuser.cursor() as cursor:
            cursor.execute("ALTER TABLE event DISABLE ROW LEVEL SECURITY")
            try:
                with pytest.raises(UnsafeDatabaseRole, match="row-level security is off on event;"):
                    check(database_urls.app_url)
            finally:
                cursor.execute("ALTER TABLE event ENABLE ROW LEVEL SECURITY")


class TestABackgroundRole:
    @pytest.fixture
    def misled(self, database_urls: DatabaseUrls) -> Iterator[None]:
        """The aliases of the background roles connect as the application's."""
        own = databases(Settings(database_url=database_urls.app_url))["default"]
        before = {alias: dict(connections.settings[alias]) for alias in ("system", "purge")}
        for alias in before:
            connections[alias].close()
            del connections[alias]
            connections.settings[alias].update(own)
        yield
        for alias, settings in before.items():
            connections[alias].close()
            del connections[alias]
            connections.settings[alias].update(settings)

    def test_lets_its_own_role_pass(self, database_urls: DatabaseUrls) -> None:
        require_system_role()
        require_purge_role()

    @pytest.mark.promise("O1", "D7")
    def test_is_refused_where_it_would_find_nothing(self, misled: None) -> None:
        with pytest.raises(
            WrongDatabaseRole, match="set DATABASE_SYSTEM_URL to the database as holdwater_system"
        ):
            require_system_role()
        with pytest.raises(
            WrongDatabaseRole, match="set DATABASE_PURGE_URL to the database as holdwater_purge"
        ):
            require_purge_role()
