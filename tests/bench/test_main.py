"""`end2end bench`: the table is printed and written, in JSON and Markdown."""

import json
import os
import subprocess
import sys

import pytest

from end2end.bench import __main__ as program
from end2end.bench import device_rows, tables
from end2end.training import variants
from end2end.utils import files


def test_rows_are_printed_and_written_with_what_was_not_measured(
        tmp_path, monkeypatch, capsys):
    def row(self, case):
        figure = tables.Figure(1.5, 0.5, "s", notes=("7 MB",))
        return device_rows.described(case), dict(
            reached=True, **figure.__dict__) if not case.variant.xla else dict(
            error="out of memory")

    monkeypatch.setattr(device_rows.Table, "row", row)
    monkeypatch.setattr(variants, "machine", lambda: variants.Machine(
        0, frozenset({"float32"})))
    monkeypatch.setenv("NUM_GPU_DEVICES", "1")
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    out = tmp_path / "new" / "bench.json"
    program.main(["--gpu", "patch-step", "--out", str(out)])
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "1"
    content = json.loads(out.read_text())
    assert list(content["rows"]) == [
        "processor patch-step float32", "processor patch-step float32+XLA"]
    assert "TensorFlow sees none" in content["not_measured"][0]
    assert content["not_measured"][-1].endswith("out of memory")
    page = out.with_suffix(".md").read_text()
    assert page.count("| processor: ") == 2 and "- GPUs: TensorFlow sees" in page
    printed = capsys.readouterr().out
    assert "2 rows" in printed and "out of memory" in printed


def test_an_unknown_work_is_refused_with_those_that_exist(tmp_path):
    with pytest.raises(files.InputError, match="no work 'steps'; expected image"):
        program.main(["steps", "--out", str(tmp_path / "b.json")])


@pytest.mark.slow
def test_two_devices_of_a_processor_and_all_ways_are_measured_in_processes(tmp_path):
    out = tmp_path / "bench.json"
    done = subprocess.run(
        [sys.executable, "-m", "end2end", "bench", "--gpu", "--scale", "smoke",
         "image-step", "image-scores", "--out", str(out)],
        env=os.environ | {"NUM_GPU_DEVICES": "2"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.read_text())["rows"]
    assert not [figure for figure in rows.values() if "error" in figure]
    assert {"processor image-step float32+XLA",
            "processor-as-2-devices image-scores float32"} <= set(rows)
    # A step of so small a network in bfloat16 may be beyond the bound, and says so.
    agreeing = [note for name, figure in rows.items() for note in figure["notes"]
                if "differ" in note and not ("step" in name and "bfloat16" in name)]
    assert len(agreeing) >= 2 and all("within" in note for note in agreeing)
