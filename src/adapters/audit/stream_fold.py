"""One stream of events, folded as far as it is whole."""

from __future__ import annotations

from datetime import datetime

import msgspec

from adapters.audit import saga_fold
from adapters.audit.fold import FOLDS, NotAsOrdered, State

KNOWN_DEFINITIONS = frozenset(saga_fold.DEFINITIONS)
"""Importing it also lets FOLDS know the events of sagas."""

_decode = msgspec.json.Decoder().decode


class StreamFold:
    """`state` is what the events make; it stops at the first event that can't be taken, which `problem` tells."""

    def __init__(self) -> None:
        self.kind = ""
        self.events = 0
        self.state: State = {}
        self.problem: tuple[str, str, str] | None = None
        """Which field, what it should be, what it is."""

    def add(
        self, kind: str, version: int, type_: str, schema_version: int, occurred_at: datetime, data: str
    ) -> None:
        """The next event by its version."""
        self.events += 1
        if self.problem is not None:
            return
        self.kind = self.kind or kind
        if version != self.events:
            self.problem = "event", f"one of version {self.events}", f"{type_} of version {version}"
        elif kind != self.kind or type_.partition(".")[0] != kind:
            self.problem = (
                f"event {version}",
                f"one of kind {self.kind}",
                f"{type_} of the stream kind {kind}",
            )
        elif (step := FOLDS.get((type_, schema_version))) is None:
            self.problem = f"event {version}", "a type that the audit knows", f"{type_} v{schema_version}"
        else:
            try:
                step(self.state, _decode(data), occurred_at)
            except NotAsOrdered as error:
                self.problem = f"event {version}", "one that follows on those before", f"{type_}: {error}"
            except (msgspec.DecodeError, AttributeError, KeyError, TypeError, ValueError) as error:
                self.problem = (
                    f"event {version}",
                    "data that can be taken",
                    f"{type_} with other data ({type(error).__name__}: {error})",
                )
            self.state["version"], self.state["updated_at"] = version, occurred_at
