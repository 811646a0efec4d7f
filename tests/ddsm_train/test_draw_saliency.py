"""The program that draws what moved the scores."""

import types

import pytest
import saved_models

from ddsm_train import draw_saliency
from end2end.evaluation import saliency_run
from end2end.reports import score_tables


def test_pictures_are_drawn_and_a_broken_image_is_named_with_status_1(
        tmp_path, capsys):
    saved_models.write_images(tmp_path / "test", women=2)
    (tmp_path / "test" / "neg" / "broken.png").write_bytes(b"no picture")
    model = saved_models.whole_image_model(tmp_path / "best.h5")
    words = [str(model), str(tmp_path / "test"), str(tmp_path / "out"), "--method",
             "gradcam"]
    assert draw_saliency.main(words) == 1
    text = capsys.readouterr().out
    assert "failed: " in text and "broken.png" in text
    assert len(list((tmp_path / "out").glob("*.gradcam.png"))) >= 2
    (tmp_path / "test" / "neg" / "broken.png").unlink()
    assert draw_saliency.main(words) == 0


def test_the_method_of_the_paper_is_drawn_unless_another_is_chosen():
    arguments = draw_saliency.parser().parse_args(["model.h5", "images", "out"])
    assert (arguments.method, arguments.cutoff) == (["guided"], 0.06)


POINTING = dict(guided=dict(
    hits=0.75, images=4, interval=(0.25, 1.0), chance=0.05, hits_in_breast=0.5,
    interval_in_breast=(0.125, 0.875), chance_in_breast=0.1, outside_breast=0.25))


@pytest.mark.parametrize(("pointing", "failed", "status"), [
    (POINTING, {"a.png": "cut\noff", "b.png": "black"}, 1), ({}, {}, 0)])
def test_what_is_drawn_is_said_before_it_is_and_what_came_out_at_the_end(
        tmp_path, monkeypatch, capsys, pointing, failed, status):
    job = types.SimpleNamespace(images=range(3), out=str(tmp_path), options=(
        types.SimpleNamespace(methods=("guided", "gradcam"))))

    def plan(arguments, typed):
        assert (arguments.model, typed) == ("m.h5", dict(size=[8, 6]))
        return job

    def run(asked):
        assert asked is job and (tmp_path / ".lock").exists()
        print("drawn")
        return dict(pointing=pointing, failed=failed)
    monkeypatch.setattr(saliency_run, "plan", plan)
    monkeypatch.setattr(saliency_run, "run", run)
    assert draw_saliency.main([
        "m.h5", "images", str(tmp_path), "--img-size", "8", "6"]) == status
    table = score_tables.as_text(saliency_run.pointing_table(pointing)) * bool(pointing)
    assert capsys.readouterr().out.splitlines() == [
        f"3 images, guided, gradcam, to {tmp_path}", "drawn", *table,
        *(f"failed: {path}: {' '.join(reason.split())}"
          for path, reason in failed.items()),
        f"pictures, results.json and report.html are in {tmp_path}"]
