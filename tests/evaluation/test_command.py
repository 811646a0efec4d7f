"""The command line that both testing programs share."""

import dataclasses
import shlex

import cv2
import pytest
import tiny_classifier

from end2end.evaluation import command
from end2end.utils import files


def test_flips_are_on_where_the_program_says_so_and_can_be_turned_off():
    words = ["model.h5", "test"]
    assert command.parser("p", None, flips=True).parse_args(words).flips
    assert not command.parser("p", None).parse_args(words).flips
    assert not command.parser("p", None, flips=True).parse_args(
        [*words, "--no-flips"]).flips


@pytest.mark.parametrize("flags, message", [
    (["--batch-size", "0"], "--batch-size 0"),
    (["--rois", "none.json"], "ROI table none.json does not exist"),
    (["--layers", "heatmap"], "--layers heatmap and --patch-model")])
def test_flags_that_do_not_fit_are_refused_before_any_work(tmp_path, flags, message):
    (tmp_path / "model.h5").write_bytes(b"")
    arguments = command.parser("p", None).parse_args(
        [str(tmp_path / "model.h5"), str(tmp_path), *flags])
    with pytest.raises(files.InputError, match=message):
        command.run(arguments)


def test_operating_points_are_kept_with_one_model_only(tmp_path):
    for name in ("a.h5", "b.h5"):
        (tmp_path / name).write_bytes(b"")
    arguments = command.parser("p", None).parse_args(
        [str(tmp_path / "a.h5"), str(tmp_path / "b.h5"), str(tmp_path), "--store"])
    with pytest.raises(files.InputError, match="--store with several models"):
        command.run(arguments)


@pytest.mark.parametrize(("flips", "names"), [
    (True, ["scores.csv", "scores_flips.csv"]), (False, ["scores.csv"])])
def test_what_is_typed_reaches_the_evaluation_and_lines_are_said_once(
        tmp_path, monkeypatch, capsys, flips, names):
    model, called = tmp_path / "a.h5", []
    model.write_bytes(b"")

    def run(models, test, out, options):
        called.append((models, test, out, options))
        # The output and the model, which is stored anew, are of this call alone.
        assert (out / ".lock").exists() and list(tmp_path.glob(".*a.h5*"))
        options.say("12 images")
        options.progress(3)
        return dict(flips={}) if flips else {}

    monkeypatch.setattr(command.evaluation, "run", run)
    monkeypatch.setattr(command.evaluation, "summary", lambda results: [
        "12 images", "AUC 0.5"])
    command.run(command.parser("p", None).parse_args([
        str(model), "test", "--batch-size", "2", "--runs", "7", "--seed", "3",
        "--store", "--refuse-unfit", "--img-size", "9", "7", "--class-list", "pos",
        "neg", "--output", "logits", "--layers", "gradcam", "gradcam", "--map-scale",
        "image",
        *["--flips"] * flips]))
    out = tmp_path / "a.test"
    ((models, test, folder, options),) = called
    assert (models, test, folder) == ([model], "test", out)
    assert dataclasses.replace(options, progress=None, say=None) == (
        command.evaluation.EvaluationOptions(
            flips=flips, batch_size=2, runs=7, seed=3, images=dict(size=[9, 7]),
            outputs=command.model_flags.OutputOptions(("pos", "neg"), "logits"),
            progress=None, say=None, store=True, refuse_unfit=True,
            pictures=command.evaluation.cases.PictureOptions(
                methods=("gradcam",), map_scale="image")))
    printed = capsys.readouterr()
    assert printed.err == ""   # no bar where nobody sees it
    assert printed.out.splitlines() == [
        "12 images", "AUC 0.5", f"scores, results.json, figure and report.html are in "
        f"{out}", "next: " + command.programs.line(
            "end2end.metrics", *(out / name for name in names))]


def test_a_model_that_is_not_there_is_named(tmp_path):
    arguments = command.parser("p", None).parse_args(
        [str(tmp_path / "none.h5"), str(tmp_path)])
    with pytest.raises(files.InputError, match="none.h5"):
        command.run(arguments)


def test_a_test_set_that_is_not_there_is_named_before_the_model_is_read(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"no model")
    arguments = command.parser("p", None).parse_args(
        [str(tmp_path / "a.h5"), str(tmp_path / "nosuch")])
    with pytest.raises(files.InputError, match="image folder .*nosuch does not exist"):
        command.run(arguments)


@pytest.mark.parametrize("flips", [True, False])
def test_counts_are_printed_once_and_the_next_line_names_each_score_file(
        tmp_path, capsys, flips):
    model = tiny_classifier.save(tmp_path / "a.h5")
    for i, label in enumerate(("neg", "neg", "neg", "pos", "pos")):
        (tmp_path / "test" / label).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "test" / label / f"{i}.png"),
                    tiny_classifier.picture(i))
    command.run(command.parser("p", None, flips=flips).parse_args(
        [str(model), str(tmp_path / "test"), "--runs", "5", "--no-pictures",
         "--batch-size", "1"]))
    printed = capsys.readouterr().out
    assert printed.count("5 found, 5 understood") == 1
    assert "5 images, 2 with cancer" in printed
    words = shlex.split(printed.partition("next: ")[2])
    names = ["scores.csv", "scores_flips.csv"][:1 + flips]
    assert words[-len(names) - 1:] == [
        "end2end.metrics", *(str(tmp_path / "a.test" / name) for name in names)]


def test_results_of_several_models_lie_beside_the_first_of_them(
        tmp_path, monkeypatch, capsys):
    called = []
    monkeypatch.setattr(command.evaluation, "run", lambda models, test, out, options: (
        called.append((models, out, options.store)), {})[1])
    monkeypatch.setattr(command.evaluation, "summary", lambda results: [])
    models = [tmp_path / name for name in ("b.h5", "a.h5")]
    for path in models:
        path.write_bytes(b"")
    for flags, out in (([], tmp_path / "b.test"), (
            ["--out", str(tmp_path / "o")], str(tmp_path / "o"))):
        command.run(command.parser("p", None).parse_args(
            [*map(str, models), "test", "--batch-size", "1", *flags]))
        assert called.pop() == (models, out, False)
    with pytest.raises(files.InputError) as caught:
        command.run(command.parser("p", None).parse_args(
            [str(models[0]), "test", "--batch-size", "0"]))
    assert str(caught.value) == "--batch-size 0: expected a number from 1."
