"""Creates a database with Holdwater's four roles on any PostgreSQL server, embedded or not.

`holdwater_owner` owns the database and runs migrations; `holdwater_app` and `holdwater_system` are what web,
workers and background roles log in as, `holdwater_purge` redacts what was deleted long ago. Row-level security
binds them, for they are neither superuser nor owner nor BYPASSRLS. What they may do with tables is granted by the
migrations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import quote

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import connection, cursor, encrypt_password, make_dsn

from adapters.embedded.errors import EmbeddedServiceError

OWNER, APP, SYSTEM = "holdwater_owner", "holdwater_app", "holdwater_system"
PURGE = "holdwater_purge"
DATABASE = "holdwater"
SERVER_VERSION_MIN = 17
CONNECT_TIMEOUT_S = 5
PREPARE_LOCK = 0x486F6C64  # "Hold": two preparations on one server take turns

# transaction_timeout is the lease of a keyed request: past it the server ends transaction and connection.
# statement_timeout stands below it, so that a slow statement fails as an ordinary error on a connection that
# can be used again; lock_timeout stands below that, so that waiting for a lock is told from being slow.
# System roles rebuild and purge in long batches: they have no limit for the whole, but may not sit idle.
ROLE_SETTINGS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        OWNER: {},
        APP: {
            "transaction_timeout": "10s",
            "idle_in_transaction_session_timeout": "10s",
            "statement_timeout": "8s",
            "lock_timeout": "5s",
        },
        SYSTEM: {"idle_in_transaction_session_timeout": "60s", "lock_timeout": "10s"},
        PURGE: {"idle_in_transaction_session_timeout": "60s", "lock_timeout": "10s"},
    }
)
_ATTRIBUTES = "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION"


@dataclass(frozen=True, slots=True, kw_only=True)
class RolePasswords:
    """The passwords of the four roles; the repr shows none of them."""

    owner: str = field(repr=False)
    app: str = field(repr=False)
    system: str = field(repr=False)
    purge: str = field(repr=False)

    def by_role(self) -> dict[str, str]:
        return {OWNER: self.owner, APP: self.app, SYSTEM: self.system, PURGE: self.purge}


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseUrls:
    """One URL a role for one database; the repr shows none of them, since each holds a password."""

    owner_url: str = field(repr=False)
    app_url: str = field(repr=False)
    system_url: str = field(repr=False)
    purge_url: str = field(repr=False)
    superuser_url: str = field(repr=False)


def database_url(role: str, password: str, *, host: str, port: int, database: str) -> str:
    """`postgresql://role:password@host:port/database`, quoted as RFC 3986 wants it."""
    return f"postgresql://{role}:{quote(password, safe='')}@{host}:{port}/{database}"


def prepare_database(superuser_dsn: str, passwords: RolePasswords, database: str = DATABASE) -> None:
    """Create or complete the roles and the database; may be run again at any time, also by two at once.

    `superuser_dsn` is a URL or DSN of a superuser (or, on a managed server, of a role with CREATEROLE and
    CREATEDB) to a database that exists, `postgres` as a rule. The passwords are set anew. Only their SCRAM
    verifiers (RFC 5802) are sent, so that none can get into the server's log.
    Raises EmbeddedServiceError when the server is older than 17 or the name isn't a plain one.
    """
    _require_plain_name(database)
    with _session(superuser_dsn) as session:
        version = session.connection.server_version // 10_000
        if version < SERVER_VERSION_MIN:
            raise EmbeddedServiceError(
                f"the server is PostgreSQL {version}; Holdwater needs {SERVER_VERSION_MIN} or newer"
            )
        session.execute("SELECT pg_advisory_lock(%s)", (PREPARE_LOCK,))  # let go with the connection
        for role, password in passwords.by_role().items():
            _create_role(session, role, password)
        _create_database(session, database)
        _restrict_database(session, database)


def drop_database(superuser_dsn: str, database: str) -> None:
    """Drop a database, its open connections with it; nothing happens when there is none. The roles stay."""
    _require_plain_name(database)
    with _session(superuser_dsn) as session:
        session.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))


def connect(dsn: str) -> connection:
    """An autocommit connection to a server on this machine or elsewhere, within CONNECT_TIMEOUT_S seconds."""
    made = psycopg2.connect(make_dsn(dsn, connect_timeout=CONNECT_TIMEOUT_S))
    made.autocommit = True
    return made


@contextmanager
def _session(dsn: str) -> Iterator[cursor]:
    try:
        made = connect(dsn)
    except psycopg2.OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        raise EmbeddedServiceError(f"can't log in to PostgreSQL as superuser: {reason}") from error
    with closing(made), made.cursor() as session:
        try:
            yield session
        except errors.InsufficientPrivilege as error:
            reason = str(error).strip().splitlines()[0]
            raise EmbeddedServiceError(
                f"{reason}; preparing a database needs a superuser, or a role with CREATEROLE and CREATEDB"
            ) from error


def _create_role(session: cursor, role: str, password: str) -> None:
    name = sql.Identifier(role)
    session.execute(
        "SELECT rolcanlogin AND NOT"
        " (rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication)"
        " FROM pg_roles WHERE rolname = %s",
        (role,),
    )
    row = session.fetchone()
    if row is None:
        session.execute(sql.SQL("CREATE ROLE {} " + _ATTRIBUTES).format(name))
    elif not row[0]:
        session.execute(sql.SQL("ALTER ROLE {} " + _ATTRIBUTES).format(name))
    verifier = encrypt_password(password, role, scope=session.connection, algorithm="scram-sha-256")
    session.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(verifier)))
    for setting, value in ROLE_SETTINGS[role].items():
        session.execute(
            sql.SQL("ALTER ROLE {} SET {} = {}").format(name, sql.Identifier(setting), sql.Literal(value))
        )


def _create_database(session: cursor, database: str) -> None:
    session.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,))
    if session.fetchone() is not None:
        return
    # A managed server's administrator is no superuser and must be able to act as the role it creates for.
    session.execute("SELECT pg_has_role(current_user, %s, 'SET')", (OWNER,))
    if session.fetchone() == (False,):
        session.execute(sql.SQL("GRANT {} TO CURRENT_USER WITH SET TRUE").format(sql.Identifier(OWNER)))
    # The builtin C.UTF-8 sorts alike on every machine, so an index survives a move to another C library.
    create = sql.SQL(
        "CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'"
        " LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'"
    ).format(sql.Identifier(database), sql.Identifier(OWNER))
    # Another one may have prepared it from another maintenance database, where our lock doesn't reach.
    with suppress(errors.DuplicateDatabase):
        session.execute(create)


def _restrict_database(session: cursor, database: str) -> None:
    name = sql.Identifier(database)
    session.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    # TEMPORARY: readings are staged in a temporary table before they are merged.
    session.execute(
        sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}, {}, {}").format(
            name, *(sql.Identifier(role) for role in (APP, SYSTEM, PURGE))
        )
    )


def _require_plain_name(database: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", database):
        raise EmbeddedServiceError(
            f"{database!r} isn't a database name for Holdwater: use a-z, 0-9 and _, at most 63 characters"
        )
