"""Refuses to work with a database role that can do too much (A1), or that would silently see nothing."""

from __future__ import annotations

from typing import Final

import django.db
from django.db import DEFAULT_DB_ALIAS

from adapters.django_orm.migrations._access_0001 import PURGE_ROLE, SYSTEM_ROLE, TENANT_TABLES
from adapters.django_orm.tenant_session import query_of_nobody
from application.ports.readiness import CheckResult, NotFit
from domain.errors import DomainError

# Every role whose rights the session has or can take on by SET ROLE, the role itself first. A superuser is a
# member of every role, so its own line must come first to give the right reason.
_ROLES: Final = """
SELECT r.rolname, r.rolname = session_user, r.rolsuper, r.rolbypassrls, r.rolname = %s,
    EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid AND c.relname = ANY(%s))
FROM pg_roles r
WHERE pg_has_role(session_user, r.oid, 'MEMBER')
ORDER BY r.rolname <> session_user, r.rolname
"""
_UNPROTECTED: Final = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relname = ANY(%s) AND NOT c.relrowsecurity ORDER BY 1
"""


class UnsafeDatabaseRole(NotFit):
    """Tenants would not be kept apart; the message says why, and which role to use."""


class WrongDatabaseRole(NotFit):
    """The work would find no rows and look done; the message says which setting to mend."""


class RoleReadiness:
    """ReadinessCheck: row-level security binds the role."""

    name = "database role"

    def __call__(self) -> CheckResult:
        """See the port."""
        try:
            require_safe_role()
        except (UnsafeDatabaseRole, DomainError, django.db.Error) as error:
            return CheckResult(self.name, required=True, problem=str(error))
        return CheckResult(self.name, required=True, problem=None)


def require_system_role() -> None:
    """Raise WrongDatabaseRole unless the role of relay and lag sees all tenants' messages."""
    _require_role("DATABASE_SYSTEM_URL", "system", SYSTEM_ROLE)


def require_purge_role() -> None:
    """Raise WrongDatabaseRole unless the role of the purge sees all tenants' deleted orders."""
    _require_role("DATABASE_PURGE_URL", "purge", PURGE_ROLE)


def _require_role(variable: str, alias: str, role: str) -> None:
    rows = query_of_nobody(
        "SELECT session_user, pg_has_role(session_user, oid, 'USAGE') FROM pg_roles WHERE rolname = %s",
        (role,),
        alias,
    )
    if not rows:
        raise WrongDatabaseRole(
            f"there is no role {role}: make it, run `holdwater migrate`, and set {variable}"
        )
    ((session_user, acts_as_it),) = rows
    if not acts_as_it:
        raise WrongDatabaseRole(
            f"as the role {session_user} nothing would be found: set {variable} to the database as {role}"
        )


def require_safe_role(alias: str = DEFAULT_DB_ALIAS) -> None:
    """Raise UnsafeDatabaseRole if the connection's role escapes row-level security, or if a table lacks it.

    To be called before web or worker serve. Raises StoreUnavailable when the database can't be reached.
    """
    tables = list(TENANT_TABLES)
    roles = query_of_nobody(_ROLES, (SYSTEM_ROLE, tables), alias)
    unprotected = [name for (name,) in query_of_nobody(_UNPROTECTED, (tables,), alias)]
    session_user = roles[0][0]
    for name, is_own, *powers in roles:
        for has_it, power in zip(
            powers,
            ("is a superuser", "bypasses row-level security", "sees every tenant", "owns the tables"),
            strict=True,
        ):
            if has_it:
                reason = f"it {power}" if is_own else f"it is a member of {name}, which {power}"
                raise UnsafeDatabaseRole(
                    f"refusing to serve as the database role {session_user}: {reason}, so tenants would not"
                    " be kept apart; let DATABASE_URL name a role like holdwater_app, which is none of these"
                )
    if unprotected:
        raise UnsafeDatabaseRole(
            f"refusing to serve: row-level security is off on {', '.join(unprotected)}; "
            "turn it on with ALTER TABLE … ENABLE ROW LEVEL SECURITY"
        )
