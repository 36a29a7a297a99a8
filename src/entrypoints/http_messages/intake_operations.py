"""How callers learn what became of a batch that is loaded later."""

from __future__ import annotations

from typing import Final

from application.ports.intakes import IntakeView
from domain.access import Scope
from domain.errors import NotFound
from entrypoints.http_messages.operation import Operation

READ_INTAKE: Final = Operation(
    id="readIntake", method="GET", path="/v1/readings/intakes/{intake_id}",
    summary="Read what became of a batch of readings that was taken in to be loaded later",
    scope=Scope.READINGS_READ, result=IntakeView, own_refusals=(NotFound,),
    note="It is `waiting` until a worker has loaded it. A batch that is `loaded` has its readings "
    "stored, and `result` counts them; of one that is `refused` nothing is stored, and `refusal` says why. Neither "
    "changes any more.",
)  # fmt: skip

INTAKE_OPERATIONS: Final = (READ_INTAKE,)
