"""`end2end metrics coverage`."""

import dataclasses

import pytest
import recorded

from end2end.evidence import coverage
from end2end.metrics import __main__ as program
from end2end.utils import files


def test_the_table_has_each_interval_of_a_study(capsys):
    program.main(["coverage", "sites", "--runs", "20"])
    printed = capsys.readouterr().out
    assert "difference of sites" in printed and "of 3 within 93% and 97%" in printed


def test_an_unknown_study_is_refused():
    with pytest.raises(files.InputError, match="unknown study 'nothing'"):
        program.main(["coverage", "sites", "nothing", "never"])


def test_the_coverage_of_all_studies_is_as_recorded(capsys, monkeypatch):
    # So few draws say nothing of coverage, but that the studies are the same.
    monkeypatch.setattr(coverage, "STUDIES", {
        name: dataclasses.replace(study, large=2)
        for name, study in coverage.STUDIES.items()})
    program.main(["coverage", "--runs", "3", "--seed", "5"])
    recorded.check("evidence-coverage", capsys.readouterr().out)


def test_a_share_at_either_limit_is_within_it(capsys, monkeypatch):
    monkeypatch.setattr(coverage, "covered", lambda study, runs, seed: [
        (f"{share} {runs} {seed}", share) for share in (0.929, 0.93, 0.97, 0.971)])
    program.main(["coverage", "sites", "--runs", "7", "--seed", "9"])
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split() for line in lines if " 7 9" in line]
    assert [row[-1] == "outside" for row in rows] == [True, False, False, True]
    assert "Share of 7 simulated studies whose 95 % interval holds the tr" in lines[0]
    assert lines[-1] == "2 of 4 within 93% and 97%"
