"""Gives the roles of a database their rights: row-level security, policies, grants."""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

from adapters.django_orm.migrations import _access_0001 as access


def apply_access_rules(connection: BaseDatabaseWrapper) -> tuple[str, ...]:
    """Give their rights to the roles that exist and have none yet; a sentence for each role that is missing.

    To be run as the owner of the tables. Each role's rules are one implicit transaction, so a role that has
    policies has all of its rights, and a second run changes nothing and locks nothing. A missing role is no
    danger, only work that is left: without it the service can't log in.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [list(access.FOR_ROLE)])
        existing = {name for (name,) in cursor.fetchall()}
        cursor.execute("SELECT DISTINCT unnest(roles)::text FROM pg_policies WHERE schemaname = 'public'")
        for role in sorted(existing - {name for (name,) in cursor.fetchall()}):
            cursor.execute(access.FOR_ROLE[role])
    return tuple(_how_to_make(role) for role in access.FOR_ROLE if role not in existing)


def _how_to_make(role: str) -> str:
    return (
        f"the role {role} is missing and has no rights yet: run "
        f"CREATE ROLE {role} LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD '…', then migrate again"
    )
