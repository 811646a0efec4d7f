"""`end2end importing`: which importer is called, with which settings."""

import dataclasses

import pytest
import recorded

from end2end import importing
from end2end.importing import __main__ as program
from end2end.utils import commands, files

COMMON = ("--size", "60", "44", "--seed", "9", "--val-share", "0.2", "--test-share",
          "0.3")


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """What the importers were asked for; they import nothing."""
    asked = []

    def keep(name):
        def call(*values):
            settings = [dataclasses.asdict(value) if dataclasses.is_dataclass(value)
                        else value for value in values[:-1]]
            assert values[-1] is commands.say
            for values in settings:
                if isinstance(values, dict) and values.get("out"):
                    out = values["out"]
                    values["out"] = out.name if out.is_relative_to(
                        tmp_path) else "temporary" * out.is_dir()
            asked.append(f"{name} {settings}")
        return call
    for module, name in (("public_sets", "run"), ("public_sets", "count"),
                         ("own_table", "run"), ("joining", "run")):
        monkeypatch.setattr(getattr(importing, module), name, keep(f"{module} {name}"))
    monkeypatch.delenv("RANDOM_SEED", raising=False)
    (tmp_path / "in" / "more").mkdir(parents=True)
    (tmp_path / "in" / "t.csv").write_text("path\n")
    return asked


def test_each_importer_is_called_with_its_settings(calls, tmp_path):
    root, out = tmp_path / "in", tmp_path / "out"
    for words in (
            ["vindr", root, out, *COMMON, "--birads-3", "negative"],
            ["cbis-ddsm", root, out], ["mini-mias", root, "--census", "--seed", "3"],
            ["rsna", root, out, "--accept", "a", "b", "--split", "patient",
             "--all-views"],
            ["table", root / "t.csv"], ["table", root / "t.csv", out, *COMMON],
            ["table", root / "t.csv", "--out", out, "--sheet", "2", "--files",
             root / "more", "--column", "label=Befund", "--label", "malignant=4,5",
             "--side", "left=1", "--leave-out", "two-labels"],
            ["join", "a", f"b={out}", "--out", out, "--split", "site", "--test-site",
             "b"]):
        program.main([*map(str, words), *(["--workers", "3"] if words[0] != "join"
                                          else [])])
    recorded.check("import-calls", "\n".join(calls), dict(FOLDER=tmp_path))


def test_a_set_without_an_output_is_refused_and_one_that_is_not_there(calls, tmp_path):
    with pytest.raises(files.InputError, match="ROOT and OUT, or --census"):
        program.main(["cmmd", str(tmp_path / "in")])
    with pytest.raises(files.InputError, match="nosuch"):
        program.main(["cmmd", str(tmp_path / "nosuch"), str(tmp_path / "out")])
    assert not calls and not (tmp_path / "out").exists()


def test_what_is_known_of_the_sets_is_listed(calls, capsys):
    program.main(["sets"])
    recorded.check("import-sets", capsys.readouterr().out)
    assert not calls
