"""`end2end metrics checklist`."""

import json

import evidence_tables
import pytest
import recorded
import run_files

from end2end.evidence import atlas, checklists, run_facts
from end2end.evidence.checklist_items import Item
from end2end.evidence.run_facts import Fact
from end2end.metrics import __main__ as program
from end2end.utils import files


def test_items_are_stated_in_part_or_gaps():
    facts = dict(network=Fact("a network", "card"))
    rows = checklists.filled([
        Item("1", "model", ("network",)), Item("2", "both", ("network", "ethics")),
        Item("3", "none", ("funding",))], facts)
    assert [row[2] for row in rows] == ["stated", "in part", "gap"]
    assert rows[1][3] == "a network [gap: ethical approval and consent]"
    assert rows[2][3:] == ("[gap: who paid]", "")


def test_a_page_and_an_atlas_card_are_written(tmp_path, capsys):
    (tmp_path / "results.json").write_text(json.dumps(dict(
        models=["best.h5"], test="images/test", accounting=[],
        plain=dict(count=30, positive=10, auc=0.875, auc_interval=[0.8, 0.9]))))
    (tmp_path / "facts.json").write_text(json.dumps(dict(funding="none")))
    program.main(["checklist", str(tmp_path / "results.json"), "--facts",
                  str(tmp_path / "facts.json"), "--out", str(tmp_path / "out")])
    printed = capsys.readouterr().out
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    claim = {row[0]: row for row in results["checklists"]["CLAIM 2024"]}
    assert claim["44"][2:4] == ["stated", "none"] and claim["34"][2] == "gap"
    assert "AUC 0.875" in claim["37"][3]
    card = json.loads((tmp_path / "out" / "atlas.json").read_text())
    assert "AUC 0.875" in card["Model"]["Model performance"]["Comments"]
    assert "gaps: Name" in printed


def test_the_names_of_facts_are_listed(capsys):
    program.main(["checklist", "--list-facts"])
    assert "ethics: ethical approval and consent" in capsys.readouterr().out


def test_without_files_nothing_can_be_filled(tmp_path):
    with pytest.raises(files.InputError, match="no files of a run"):
        program.main(["checklist"])
    (tmp_path / "facts.json").write_text("[]")
    with pytest.raises(files.InputError, match="not a JSON object"):
        program.main(["checklist", str(tmp_path), "--facts",
                      str(tmp_path / "facts.json")])


def test_the_checklists_of_a_run_are_as_recorded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the card goes into `out`
    facts = run_files.write(tmp_path)
    said = evidence_tables.findings(monkeypatch, [
        "checklist", tmp_path / "run", "--facts", facts])
    recorded.check("evidence-checklist", said)


def test_the_card_of_a_run_is_as_recorded(tmp_path):
    run_files.write(tmp_path)
    card, gaps = atlas.card(run_facts.gathered([tmp_path / "run"]))
    recorded.check("evidence-atlas", dict(card=card, gaps=gaps))
    card, gaps = atlas.card(run_facts.gathered([
        tmp_path / "run" / "results.json"]))
    recorded.check("evidence-atlas-gaps", dict(card=card, gaps=gaps))


def test_a_checklist_without_files_of_a_run_is_refused():
    with pytest.raises(files.InputError, match="no files of a run; give the folder"):
        program.main(["checklist"])
