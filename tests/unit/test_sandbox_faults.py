"""The table of faults that the stand-ins share."""

import pytest

from sandbox.faults import Fault, FaultTable, UnknownFaultError


@pytest.fixture
def table() -> FaultTable:
    return FaultTable({"slow", "lost"})


def test_a_fault_is_taken_as_often_as_it_counts(table: FaultTable) -> None:
    table.add(Fault(fault="slow", count=2))
    assert [table.take("slow") is not None for _ in range(3)] == [True, True, False]
    assert table.list() == {"armed": [], "taken": {"slow": 2}}


def test_a_count_of_nothing_lasts_until_it_is_cleared(table: FaultTable) -> None:
    table.add(Fault(fault="slow", count=0))
    assert all(table.take("slow") for _ in range(5))
    table.clear()
    assert table.take("slow") is None


def test_a_fault_is_taken_only_where_its_text_occurs(table: FaultTable) -> None:
    table.add(Fault(fault="slow", match="anna@"))
    assert table.take("slow", "to: bert@example.org") is None
    assert table.take("slow", "to: anna@example.org")


def test_the_oldest_of_several_names_is_taken_first(table: FaultTable) -> None:
    table.add(Fault(fault="lost"))
    table.add(Fault(fault="slow"))
    taken = [table.take({"slow", "lost"}) for _ in range(2)]
    assert [fault.fault for fault in taken if fault] == ["lost", "slow"]


def test_the_fields_of_a_fault_of_its_own_are_kept(table: FaultTable) -> None:
    table.add(Fault.model_validate({"fault": "slow", "seconds": 3, "bytes": 7}))
    taken = table.take("slow")
    assert taken is not None
    assert (taken.lasting(1), taken.extra) == (3, {"bytes": 7})


def test_a_misspelt_fault_is_refused(table: FaultTable) -> None:
    with pytest.raises(UnknownFaultError, match="'slwo'; known: lost, slow"):
        table.add(Fault(fault="slwo"))


def test_faults_of_one_name_can_be_cleared_alone(table: FaultTable) -> None:
    table.add(Fault(fault="slow"))
    table.add(Fault(fault="lost"))
    table.clear("slow")
    assert table.take("slow") is None
    assert table.take("lost")
