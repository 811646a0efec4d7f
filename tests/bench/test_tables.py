"""The table of measurements: rows, figures, peers, and what was not measured."""

import dataclasses

import pytest

from end2end.bench import tables

FIGURE = tables.Figure(5.0, 0.5, "s", 2.0, "a loop", 0.4, "the limit", ("a note",))


def row(**changes):
    return tables.Row(**dict(name="one", what="work", measure="small.bootstrap",
                             target=6, most=True, unit="x") | changes)


@pytest.mark.parametrize("most, value, reached", [
    (True, 6, True), (True, 6.1, False), (False, 6, True), (False, 5.9, False)])
def test_a_target_is_an_upper_or_a_lower_limit(most, value, reached):
    assert row(most=most).reached(value) is reached


@pytest.mark.parametrize("peers, expected", [
    ({}, "2 s: a loop, 4 x"), ({"another": 0.25}, "0.25 s: another, 0.5 x"),
    ({"slow": 9.0}, "2 s: a loop, 4 x")])
def test_the_best_peer_is_the_fastest_of_all_with_its_ratio(peers, expected):
    figure = dataclasses.asdict(dataclasses.replace(FIGURE, peers=peers))
    assert tables.best_peer(figure) == expected
    alone = dataclasses.asdict(tables.Figure(1.0, 1.0, "s"))
    assert tables.best_peer(alone) == ""
    line = tables.line(row(), figure | dict(reached=True)).splitlines()[0]
    assert line.count("|") == len(tables.HEADER) + 1
    assert tables.line(row(), dict(error="no")).count("|") == len(tables.HEADER) + 1


def test_markdown_has_a_line_for_each_row_and_the_notes_below():
    figure = dict(reached=True, **dataclasses.asdict(FIGURE))
    text = tables.markdown([(row(), figure), (row(what="other"), dict(error="no"))])
    assert [line[:10] for line in text.splitlines()] == [
        "| what | t", "|---|---|-", "| work | a", "| other | ", "", "- work: a "]


def test_what_is_not_measured_is_listed_or_said_to_be_nothing():
    assert tables.not_measured(["GPUs: none"]) == "Not measured:\n- GPUs: none"
    assert tables.not_measured([]) == "Everything was measured."


def test_figures_of_an_earlier_call_stay_in_the_file(tmp_path):
    for name in ("one", "two"):
        tables.write(tmp_path / "t.json", {name: dict(value=1)})
    assert (tmp_path / "t.json").read_text().count("value") == 2


def test_lines_have_all_their_cells():
    figure = dict(reached=True, **dataclasses.asdict(FIGURE))
    assert tables.line(row(), figure) == (
        "| work | at most 6 x | 5 x | yes | 0.5 s | 2 s: a loop | 0.4 s: the limit | "
        "2 s: a loop, 4 x |\n  a note")
    bare = dict(reached=False, **dataclasses.asdict(tables.Figure(12.346, 0.5, "s")))
    assert tables.line(row(most=False, target=80.0, unit="%"), bare) == (
        "| work | at least 80 % | 12.3 % | no | 0.5 s |  |  |  |")
    assert tables.line(row(), dict(error="no memory")) == (
        "| work | at most 6 x | no memory ||||||")
    assert tables.head() == (
        "| what | target | measured | reached | ours | simple way | limit | best peer, "
        "times ours |\n|---|---|---|---|---|---|---|---|")
    assert tables.markdown([(row(), figure), (row(what="b"), dict(error="no")), (
        row(what="c"), bare)]) == "\n".join([
            tables.head(), tables.line(row(), figure).split("\n")[0],
            tables.line(row(what="b"), dict(error="no")),
            tables.line(row(what="c"), bare), "", "- work: a note"])
