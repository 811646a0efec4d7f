"""Tests of end2end.evidence.checklist_items."""

import inspect

from end2end.evidence import checklist_items, run_facts


def test_the_numbers_are_those_of_the_originals():
    assert [item.number for item in checklist_items.CLAIM] == [
        str(number) for number in range(1, 45)]
    main = dict.fromkeys(item.number.rstrip("abcdefg")
                         for item in checklist_items.TRIPOD_AI)
    assert list(main) == [str(number) for number in range(1, 28)]
    assert len(checklist_items.TRIPOD_AI) == 52


def test_each_item_can_be_answered_by_a_file_or_by_people():
    readers = inspect.getsource(run_facts)
    for items in checklist_items.CHECKLISTS.values():
        for item in items:
            assert item.facts and item.title
            for name in item.facts:
                known = name in run_facts.ALWAYS or name in run_facts.PEOPLE
                assert known or f"{name}=" in readers or f'"{name}"' in readers, name
