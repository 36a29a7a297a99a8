"""ColumnOperations, bound to NumPy's way and to the plain loop, which have to say the same words."""

from __future__ import annotations

from hypothesis import given

from adapters.memory.column_operations import LoopColumnOperations
from adapters.reading_formats.operations import NumpyColumnOperations
from unit.contracts.column_operations_contract import ROWS, RULES, ColumnOperationsContract, Row, columns_of


class TestNumpyColumnOperations(ColumnOperationsContract):
    operations = NumpyColumnOperations()


class TestLoopColumnOperations(ColumnOperationsContract):
    operations = LoopColumnOperations()


class TestBoth:
    @given(rows=ROWS)
    def test_say_the_same_of_what_they_refuse(self, rows: list[Row]) -> None:
        columns = columns_of(rows)
        numpy, loop = NumpyColumnOperations(), LoopColumnOperations()
        assert numpy.screen(columns, RULES).rejects == loop.screen(columns, RULES).rejects
