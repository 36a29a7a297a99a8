"""Brings the schema of a database to what this code expects, and says whether it is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import django.db
from django.core.management import call_command
from django.db import connections
from django.db.migrations.loader import MigrationLoader

from adapters.django_orm.access_rules import apply_access_rules
from application.ports.readiness import NotFit

OWNER_ALIAS: Final = "owner"
LOCK_TIMEOUT_MS: Final = 5_000
"""A migration that can't get a table's lock by then fails instead of making the service wait behind it."""
TURN_TIMEOUT_MS: Final = 120_000
"""How long a second `migrate` waits for the first."""
_TURN_KEY: Final = 0x486F6C6477617465
"""Session-level advisory lock; its upper half lies outside the tags of event tickets and request keys."""


class SchemaTooNew(NotFit):
    """The database has migrations that this code doesn't know; the message names them."""


class MigrationBlocked(NotFit):
    """Another migration, or a long transaction, did not make way in time; the message says what to do."""


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What a migration did: the names of the applied steps, and sentences on what is left to do."""

    applied: tuple[str, ...]
    notices: tuple[str, ...]


def migrate(alias: str = OWNER_ALIAS) -> MigrationReport:
    """Apply what is missing, as the owner; two at once take turns, and the second finds nothing to do.

    Raises SchemaTooNew, and changes nothing, when the database is ahead of this code; MigrationBlocked when a
    lock doesn't come within TURN_TIMEOUT_MS (another migration) or LOCK_TIMEOUT_MS (a table).
    """
    connection = connections[alias]
    with _turn(alias):
        try:
            missing = missing_migrations(alias)
            call_command("migrate", database=alias, interactive=False, verbosity=0, skip_checks=True)
            notices = apply_access_rules(connection)
        except django.db.OperationalError as error:
            if getattr(error.__cause__, "pgcode", None) == "55P03":
                raise MigrationBlocked(
                    "a table is in use by a long transaction; end it, or migrate again when it is over"
                ) from error
            raise
    return MigrationReport(missing, notices)


def missing_migrations(alias: str = "default") -> tuple[str, ...]:
    """The steps that this code has and the database has not, in order. Raises SchemaTooNew.

    Any role that may read the table of migrations can ask.
    """
    loader = MigrationLoader(connections[alias])
    unknown = sorted(
        name
        for app, name in loader.applied_migrations
        if app in loader.migrated_apps and (app, name) not in loader.disk_migrations
    )
    if unknown:
        raise SchemaTooNew(
            f"the database is newer than this code (it has {', '.join(unknown)}); start the newer version"
        )
    plan: dict[tuple[str, str], None] = {}
    for leaf in loader.graph.leaf_nodes():
        plan.update(dict.fromkeys(loader.graph.forwards_plan(leaf)))
    return tuple(f"{app}.{name}" for app, name in plan if (app, name) not in loader.applied_migrations)


@contextmanager
def _turn(alias: str) -> Iterator[None]:
    connection = connections[alias]
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [str(TURN_TIMEOUT_MS)])
        try:
            cursor.execute("SELECT pg_advisory_lock(%s)", [_TURN_KEY])
        except django.db.OperationalError as error:
            raise MigrationBlocked("another migration is running; migrate again when it is over") from error
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [str(LOCK_TIMEOUT_MS)])
    try:
        yield
    finally:
        connection.close()  # ends the lock with the session, whatever state the migration left it in
