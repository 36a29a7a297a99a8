"""Whether the database answers and has the schema that this code expects."""

from __future__ import annotations

from typing import Final

import django.db
from django.db import DEFAULT_DB_ALIAS

from adapters.django_orm.error_translation import port_errors
from adapters.django_orm.schema import OWNER_ALIAS, SchemaTooNew, missing_migrations
from adapters.django_orm.tenant_session import query_of_nobody
from application.ports.readiness import CheckResult
from domain.errors import DomainError

PATIENCE_MS: Final = 2_000
"""How long one statement of a check may take; connecting has a limit of its own in the settings."""


class DatabaseReadiness:
    """ReadinessCheck: a statement is answered in time."""

    name = "database"

    def __call__(self) -> CheckResult:
        """See the port."""
        try:
            query_of_nobody("SELECT set_config('statement_timeout', %s, true); SELECT 1", (str(PATIENCE_MS),))
        except (DomainError, django.db.Error, RuntimeError) as error:
            return CheckResult(self.name, required=True, problem=_first_line(error))
        return CheckResult(self.name, required=True, problem=None)


class SchemaReadiness:
    """ReadinessCheck: every migration of this code is applied, and none that it doesn't know."""

    name = "schema"

    def __call__(self) -> CheckResult:
        """See the port."""
        problem = None
        try:
            with port_errors():
                missing = missing_migrations(DEFAULT_DB_ALIAS)
            if missing:
                problem = f"{', '.join(missing)} is not applied; run holdwater migrate"
        except (SchemaTooNew, DomainError, django.db.Error) as error:
            problem = _first_line(error)
        return CheckResult(self.name, required=True, problem=problem)


class OwnerReadiness:
    """ReadinessCheck: migrations, and the administration of tenants and tokens, can log in as the owner."""

    name = "database owner"

    def __call__(self) -> CheckResult:
        """See the port."""
        try:
            query_of_nobody("SELECT 1 FROM access_token LIMIT 1", alias=OWNER_ALIAS)
        except (DomainError, django.db.Error, RuntimeError) as error:
            problem = f"{_first_line(error)}; let DATABASE_OWNER_URL name the tables' owner"
            return CheckResult(self.name, required=True, problem=problem)
        return CheckResult(self.name, required=True, problem=None)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
