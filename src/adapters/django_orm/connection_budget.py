"""Whether the server admits as many connections as the configured processes will hold.

psycopg2 under Django has no pool: each thread keeps a connection of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import django.db

from adapters.django_orm.tenant_session import query_of_nobody
from application.ports.readiness import CheckResult
from domain.errors import DomainError


@dataclass(frozen=True, slots=True)
class ConnectionBudget:
    """ReadinessCheck: the connections of all processes fit.

    These are `web_workers` × `web_threads`, for each web worker one more while `/metrics` asks for the lag, a worker's
    `worker_threads`, `saga_threads` and `intake_threads`, and `spare` for relay, commands and operators.
    """

    web_workers: int
    web_threads: int
    worker_threads: int
    saga_threads: int
    intake_threads: int
    spare: int = 10

    def __call__(self) -> CheckResult:
        """See the port."""
        name = "connection budget"
        a_worker = self.worker_threads + self.saga_threads + self.intake_threads
        needed = self.web_workers * (self.web_threads + 1) + a_worker + self.spare
        try:
            ((offered,),) = query_of_nobody(
                "SELECT current_setting('max_connections')::integer"
                " - current_setting('superuser_reserved_connections')::integer"
                " - current_setting('reserved_connections')::integer"
            )
        except (DomainError, django.db.Error) as error:
            return CheckResult(name, required=True, problem=f"could not be asked: {error}")
        problem = None
        if needed > offered:
            problem = (
                f"{self.web_workers} web workers of {self.web_threads} threads, a worker of "
                f"{self.worker_threads} + {self.saga_threads} + {self.intake_threads} and "
                f"{self.spare} spare need {needed} connections, the server admits {offered}; raise max_connections, "
                "or lower HOLDWATER_WEB_WORKERS, HOLDWATER_WEB_THREADS, HOLDWATER_WORKER_THREADS, "
                "HOLDWATER_SAGA_THREADS or HOLDWATER_INTAKE_THREADS"
            )
        return CheckResult(name, required=True, problem=problem)
