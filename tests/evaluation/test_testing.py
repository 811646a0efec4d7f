"""The evaluation commands on saved models: one, several, patches; and their page."""

import csv
import dataclasses
import json
import types

import cv2
import numpy as np
import pytest
import recorded
import saved_models

from ddsm_train import evaluate
from end2end import checkpoints, metrics, predict
from end2end.data import image_lists
from end2end.evaluation import testing
from end2end.reports import report, score_tables
from end2end.tables import scores
from end2end.tables.identity import Identity
from end2end.utils import files
from inbreast import evaluate as inbreast_evaluate


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two whole-image models of different intensities, a patch model, and images."""
    folder = tmp_path_factory.mktemp("evaluation")
    saved_models.whole_image_model(folder / "a" / "best.h5")
    saved_models.whole_image_model(
        folder / "b" / "best.h5", scale=0.5, mean=10.0, bias=0.7)
    saved_models.patch_model(folder / "patch.h5")
    saved_models.write_images(folder / "test")
    for name in saved_models.CLASSES:
        (folder / "patches" / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i, name in enumerate(saved_models.CLASSES * 2):
        value = 200 if name == "mass_mal" else 10
        cv2.imwrite(str(folder / "patches" / name / f"{i}.png"),
                    rng.integers(value, value + 20, (16, 16)).astype(np.uint8))
    return folder


def run(command, folder, *words):
    command.main([*(str(folder / word) if "/" in word or word.endswith(".h5") else word
                    for word in words), "--runs", "100"])


@pytest.fixture(scope="module")
def compared(folder):
    """Results of two models and their mean, with maps."""
    (folder / "set").mkdir()
    for name in ("neg", "pos"):
        (folder / "set" / name).symlink_to(folder / "test" / name)
    run(evaluate, folder, "a/best.h5", "b/best.h5", "./set", "--flips", "--layers",
        "guided", "heatmap", "--patch-model", "patch.h5", "--rois", "test/rois.csv",
        "--out", "out/both")
    return folder / "out" / "both"


def test_models_of_different_intensities_are_averaged_and_compared(compared):
    results = json.loads((compared / "results.json").read_text())
    table = scores.read_scores(compared / "scores_flips.csv")
    assert set(table.models) == {"a/best", "b/best"}
    np.testing.assert_allclose(
        table.values, np.mean(list(table.models.values()), axis=0), atol=1e-8)
    assert not np.allclose(*table.models.values())
    for scheme in ("plain", "flips"):
        rows = results["members"][scheme]
        assert [row["name"] for row in rows] == ["a/best", "b/best"]
    for row in results["members"]["flips"]:
        own = metrics.auc(table.labels, table.models[row["name"]])
        assert row["auc"] == pytest.approx(own)
        assert row["difference"] == pytest.approx(own - results["flips"]["auc"])


def test_breasts_have_a_row_each_with_the_mean_of_their_views(compared):
    with open(compared / "scores.breasts.csv", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    table = scores.read_scores(compared / "scores.csv")
    assert len(rows) == 6 and {row["view"] for row in rows} == {"CC+MLO"}
    own = [value for value, patient in zip(table.values, table.patients, strict=True)
           if patient == rows[0]["patient"]]
    assert float(rows[0]["score"]) == pytest.approx(np.mean(own), abs=1e-8)


def test_the_page_shows_each_image_with_its_layers(compared):
    text = (compared / "report.html").read_text()
    assert "Each model by itself" in text and "Trained on: squares in noise" in text
    assert text.count('<tr data-case=') == 12
    assert "patch heatmap, malignant" in text
    kinds = [text.count(f'"kind": "{kind}"') for kind in ("benign", "malignant")]
    assert kinds == [6, 6]
    assert (compared / "roc.png").exists() and (compared / "roc.svg").exists()


def test_a_patch_model_has_accuracy_and_a_confusion_matrix(folder):
    run(evaluate, folder, "patch.h5", "./patches", "--out", "out/patches")
    results = json.loads((folder / "out/patches/results.json").read_text())["plain"]
    assert results["count"] == 10 and 0 <= results["accuracy"] <= 1
    np.testing.assert_allclose(np.sum(results["confusion_normalized"], axis=1), 1)


def test_inbreast_is_evaluated_with_flips_and_may_go_without(folder, compared):
    run(inbreast_evaluate, folder, "a/best.h5", "./set", "--no-pictures", "--out",
        "out/inbreast")
    assert (folder / "out/inbreast/scores_flips.csv").exists()
    run(inbreast_evaluate, folder, "a/best.h5", "./set", "--no-pictures", "--no-flips",
        "--out", "out/plain")
    assert not (folder / "out/plain/scores_flips.csv").exists()


@pytest.mark.usefixtures("light_figures")
def test_a_recalibration_that_a_model_carries_is_held_against_the_test_set(
        tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    labels = (rng.random(300) < 0.4).astype(int)
    values = 1 / (1 + np.exp(-rng.normal(size=300) - labels))
    table = scores.Scores(tuple(map(str, range(300))), values, labels)
    results = dict(plain={}, flips={})
    card = dict(calibration=dict(logistic=dict(plain=dict(
        intercept=-1.0, slope=1.0, source="Hospital A"))))
    testing.add_recalibrated(results, dict(plain=table, flips=table), card)
    row = results["plain"]["recalibrated"]
    assert row["note"].endswith("Hospital A") and results["flips"] == {}
    other = dict(plain={}, flips={})
    testing.add_recalibrated(other, dict(flips=table, plain=table), card)
    assert other == results
    of_patches = dataclasses.replace(table, values=np.full((300, 3), 1 / 3))
    other = dict(plain={})
    testing.add_recalibrated(other, dict(plain=of_patches), card)
    assert other == dict(plain={})
    intercept = row["intercept"]
    assert intercept["low"] < intercept["value"] < intercept["high"]
    assert score_tables.recalibrated(row).caption == (
        f"{row['note'].capitalize()[:1]}{row['note'][1:]}; right are intercept 0 and "
        "slope 1")

    pages, draw = [], testing.statistics.Draw(runs=3)
    monkeypatch.setattr(testing.report, "write_report", lambda path, parts, **facts: (
        pages.append((parts, facts))))
    results = dict(models=["a.h5", "b.h5"], test="x/test", seconds=1.5, plain=dict(
        testing.statistics.describe(table, draw), recalibrated=row))
    testing.write_page(tmp_path, dict(plain=table), results, [
        dict(trained_on=None), dict(trained_on="films"), dict(trained_on="films")], [])
    (sections, facts), = pages
    assert facts == dict(trained_on="not recorded; films", title="Evaluation on test")
    assert score_tables.noted(score_tables.recalibrated(row), results["plain"]
                              ) in sections
    assert report.Heading("Images as they are", 3) in sections
    assert sections[1].rows[:2] == [("model", "a.h5, b.h5"), ("test images", "x/test")]


def test_a_recalibration_is_kept_where_the_test_set_tells_the_classes_without_error():
    values, labels = np.linspace(0.1, 0.9, 10), np.arange(10) // 6
    table = scores.Scores(tuple(map(str, range(10))), values, labels)
    results = dict(plain={})
    card = dict(calibration=dict(logistic=dict(plain=dict(
        intercept=-1.0, slope=1.0, source="Hospital A"))))
    testing.add_recalibrated(results, dict(plain=table), card)
    row = results["plain"]["recalibrated"]
    assert row["intercept"] is None and "without an error" in row["reason"]
    assert "without an error" in score_tables.recalibrated(row).caption
    assert score_tables.recalibrated(row).rows[0][1:] == ("-", "-")


def test_store_keeps_the_scale_of_the_maps_and_predictions_name_it(
        tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(testing.operating, "of_models", lambda models, flips: (
        asked.extend(model.card for model in models)))
    saved_models.write_images(tmp_path / "images")
    validation = tmp_path / "validation"
    validation.mkdir()
    for name in ("neg", "pos"):
        (tmp_path / "images" / name).rename(validation / name)
    model = saved_models.whole_image_model(tmp_path / "best.h5")
    evaluate.main([str(model), str(validation), "--store", "--no-pictures",
                   "--runs", "100", "--out", str(tmp_path / "out")])
    stored = checkpoints.load_classifier(model).card["map_scales"]
    assert set(stored["scales"]) == {"guided", "gradcam"}
    # The page has the threshold that was just found.
    assert [card["map_scales"] for card in asked] == [stored]
    assert asked[0]["operating_points"]
    assert (stored["images"], stored["source"]) == (12, "validation")
    assert predict.main([
        str(model), str(validation / "pos"), "--out", str(tmp_path / "scores.csv"),
        "--overlay", str(tmp_path / "maps")]) == 0
    assert "percentile 95 (validation, 12 images)" in (
        tmp_path / "maps" / "legend.txt").read_text("utf-8")


def shown(section):
    """A section of a page by its fields, without pictures and seconds."""
    if isinstance(section, report.Table):
        section = dataclasses.replace(section, rows=[
            row for row in section.rows if row[0] != "seconds"])
    if isinstance(section, report.Cases):
        section = dataclasses.replace(section, cases=len(section.cases))
    return {name: value for name, value in vars(section).items() if name != "image"
            } if dataclasses.is_dataclass(section) else section


@pytest.mark.usefixtures("light_figures")
def test_all_that_is_said_of_models_is_as_recorded(
        folder, tmp_path, capsys, monkeypatch):
    said, pages = [], []
    monkeypatch.setattr(testing.operating, "of_models", lambda models, flips: (
        said.append(f"operating point of {len(models)}, flips {flips}")))
    monkeypatch.setattr(testing.report, "write_report", lambda path, parts, **facts: (
        pages.extend([str(path), facts, *parts])))
    for name, words in (("one", ["a/best.h5", "test/"]),
                        ("both", ["a/best.h5", "b/best.h5", "test/", "--flips",
                                  "--refuse-unfit"]),
                        ("patch", ["patch.h5", "patches/"])):
        run(evaluate, folder, *words, "--out", str(tmp_path / name))
        said += [f"== {name}", capsys.readouterr().out]
        said += [f"{type(part).__name__} {shown(part)}" for part in pages]
        pages.clear()
        said += [path.read_text() for path in sorted((tmp_path / name).rglob("*"))
                 if path.suffix in (".csv", ".json") and "run" not in path.name]
    recorded.check("evaluate", "\n".join(said), dict(OUT=tmp_path, FOLDER=folder))


def test_test_sets_without_labels_or_of_one_class_are_refused(tmp_path):
    saved_models.write_images(tmp_path / "test", women=1)
    with pytest.raises(files.InputError, match="class 'neg' only; the AUC needs"):
        testing.test_images(tmp_path / "test", ("neg", "pos"))
    with pytest.raises(files.InputError, match="no labels; expected the class"):
        testing.test_images(tmp_path / "test" / "neg", ("a", "b"))
    (tmp_path / "test" / "neg").rename(tmp_path / "test" / "pos")
    with pytest.raises(files.InputError, match="class 'pos' only; the AUC needs"):
        testing.test_images(tmp_path / "test", ("neg", "pos"))


def test_each_model_is_looked_for_before_one_is_read(tmp_path):
    (tmp_path / "b.h5").write_bytes(b"no model")
    with pytest.raises(files.InputError, match=r"^model .*a\.h5 does not exist"):
        testing.run([tmp_path / "a.h5", tmp_path / "b.h5"], tmp_path, tmp_path / "o",
                    testing.EvaluationOptions())


def test_maps_of_one_image_are_not_drawn_for_models_of_two_views():
    pictures = testing.evaluation_cases.PictureOptions(methods=("guided",), show=True)
    options = testing.EvaluationOptions(runs=7, pictures=pictures)
    bare = testing.bare(options)
    assert bare.pictures.methods == () and bare.pictures.show is False
    assert dataclasses.replace(bare, pictures=pictures) == options


def test_models_of_one_image_and_of_two_views_have_no_common_rows():
    members = [dict(plain=scores.Scores((path,), np.array([0.5]), np.array([1])))
               for path in ("a", "b")]
    with pytest.raises(files.InputError, match="some take two views"):
        testing.together(members, ["x", "y"])
    assert testing.together(members[:1], ["x"]) == members[0]


def test_a_curve_has_its_area_its_interval_and_says_where_cases_are_few():
    values, statistic = np.array([0.1, 0.4, 0.35, 0.8]), dict(
        auc=0.75, auc_interval=(0.2, 1.0), count=4)
    curve = testing.curve("a", np.array([0, 0, 1, 1]), values, statistic)
    assert {name: value for name, value in curve.items()
            if name not in ("false", "true")} == dict(
        name="a", auc=0.75, interval=(0.2, 1.0), few=" (few: 2 with cancer)")
    assert list(curve["false"]) == [0, 0, 0.5, 0.5, 1]
    assert list(curve["true"]) == [0, 0.5, 0.5, 1, 1]
    rarer = testing.curve("a", np.array([0, 1, 1, 1]), values, statistic)
    assert rarer["few"] == " (few: 1 without cancer)"


def test_of_several_models_the_curves_of_the_last_scheme_are_drawn(monkeypatch):
    drawn = []
    monkeypatch.setattr(testing.figures, "roc", lambda curves: drawn.append(curves))
    table = scores.Scores(tuple("abcd"), np.array([0.1, 0.4, 0.35, 0.8]),
                          np.array([0, 0, 1, 1]))
    both = dataclasses.replace(table, models=dict(x=table.values, y=1 - table.values))
    row = dict(auc=0.75, auc_interval=(0.2, 1.0))
    results = dict(plain=row, flips=row | dict(auc=0.5))
    testing.picture(dict(plain=table, flips=table), results)
    assert [(curve["name"], curve["auc"]) for curve in drawn[0]] == [
        ("as they are", 0.75), ("flip-averaged", 0.5)]
    results["members"] = {scheme: [row | dict(name=name) for name in "xy"]
                          for scheme in ("plain", "flips")}
    assert testing.picture(dict(plain=both, flips=both), results)[1] == "roc"
    assert [(curve["name"], curve.get("mean")) for curve in drawn[1]] == [
        ("x, flip-averaged", None), ("y, flip-averaged", None),
        ("mean of these, flip-averaged", True)]
    assert drawn[1][0]["true"][1] == 0.5 and drawn[1][1]["true"][1] == 0


@pytest.mark.parametrize(("plain", "patient", "lines"), [
    (dict(), "", []), (dict(auc=1, auc_interval_by_patient=1, breasts=1), "", []),
    (dict(auc=1), "", [
        "no interval by patient: 2 of 3 images have no known patient",
        "no table of breasts: no breast of both labels has its CC and its MLO (2 of 3 "
        "images without patient, 1 without side or view)"]),
    (dict(auc=1, breasts=1), "p", [
        "no interval by patient: each patient has one image"])])
def test_what_the_results_lack_is_said_with_its_reason(
        monkeypatch, plain, patient, lines):
    monkeypatch.setattr(testing.accounting, "lines", lambda voting, refused, left: [
        f"{len(voting)} {refused} {left}"])
    voting = [Identity("a", patient=patient, laterality="L", view="CC"),
              Identity("b", patient=patient, laterality="L"),
              Identity("c", patient="q", laterality="R", view="MLO")]
    images = image_lists.ImageList(("a",), None, (), left=("x",))
    assert testing.account(images, voting, dict(plain=plain), 5) == [
        "3 5 ('x',)", *lines]


def test_models_of_equal_names_have_their_folder_or_a_number():
    assert testing.model_names(["a/x.h5", "a/y.h5"]) == ["x", "y"]
    assert testing.model_names(["a/x.h5", "b/x.h5", "c/y.h5"]) == ["a/x", "b/x", "y"]
    assert testing.model_names(["a/x.h5", "a/x.keras", "z.h5"]) == [
        "a/x 1", "a/x 2", "z"]


@pytest.mark.parametrize("two_views", [False, True])
def test_models_keep_the_order_in_which_they_were_named(
        tmp_path, monkeypatch, two_views):
    scored, loaded, lines, shown = [], [], [], []
    listed = image_lists.ImageList(("x.png",), np.array([1]), ("neg", "pos"))

    def load(path, **words):
        loaded.append(path.name)
        assert words == dict(
            typed=dict(pixel_mean=3), output_options="outputs", breasts=True)
        return types.SimpleNamespace(
            cautions=(path.stem,), classes=listed.classes, card=path.name,
            name=path.name, takes_breasts=two_views)

    def paired(images, say):
        say("1 breast")
        return images

    def evaluated(classifier, images, options, columns):
        shown.append(options.pictures.show)
        return classifier.name

    def together(members, names):
        scored.append((members, names))
        return dict(plain="scores")

    monkeypatch.setattr(testing.checkpoints, "load_classifier", load)
    monkeypatch.setattr(testing, "test_images", lambda *_: listed)
    monkeypatch.setattr(testing, "voters", lambda _: [])
    monkeypatch.setattr(testing, "identity_columns", lambda _: {})
    monkeypatch.setattr(testing, "evaluate", evaluated)
    monkeypatch.setattr(testing.breasts, "paired", paired)
    monkeypatch.setattr(testing.accounting, "lines", lambda *_: ["1 image"])
    monkeypatch.setattr(testing, "together", together)
    paths = [tmp_path / f"{name}.h5" for name in "abc"]
    for path in paths:
        path.touch()
    monkeypatch.setattr(testing, "compare", lambda *_: {})
    monkeypatch.setattr(testing, "against_mean", lambda *_: {})
    monkeypatch.setattr(testing, "account", lambda *_: ["all"])
    monkeypatch.setattr(testing, "write_files", lambda *_: None)
    monkeypatch.setattr(testing.evaluation_cases, "cases", lambda classifier, *_: (
        f"cases of {classifier.name}"))
    monkeypatch.setattr(testing.operating, "of_models", lambda models, flips: (
        [model.name for model in models], flips))
    pages = []
    monkeypatch.setattr(testing, "write_page", lambda *words: pages.append(words[3:]))
    results = testing.run(
        paths, tmp_path, tmp_path / "out", testing.EvaluationOptions(
            say=lines.append, images=dict(pixel_mean=3), outputs="outputs"))
    names = ["a.h5", "b.h5", "c.h5"]
    assert pages == [(names, "cases of a.h5", (["a.h5"] * 3, False))]
    assert results["models"] == list(map(str, paths)) and "refused" not in results
    assert results["accounting"] == [*"cba", "1 breast" if two_views else "all"]
    # The maps are those of the first model, which is loaded last.
    assert loaded == ["c.h5", "b.h5", "a.h5"]
    assert scored == [(["a.h5", "b.h5", "c.h5"], ["a", "b", "c"])]
    # Of breasts there are no pictures, and their number is said, not the images'.
    assert shown == [not two_views] * 3
    assert lines == (["1 breast"] if two_views else ["1 image"])


@pytest.mark.parametrize("flips", [True, False])
def test_a_test_set_is_scored_as_the_options_say(monkeypatch, flips):
    asked = []
    images = image_lists.ImageList(("a", "b"), np.array([0, 1]), ("neg", "pos"))
    by_flip = np.random.default_rng(0).dirichlet([1, 1], (2, 4 if flips else 1))

    def predict(classifier, images, **how):
        asked.append((classifier, how))
        return by_flip
    monkeypatch.setattr(testing.prediction, "predict_flips", predict)
    monkeypatch.setattr(testing.input_checks, "with_scale", lambda *words: words)
    classifier = checkpoints.Classifier(None, "settings", images.classes, "m", {}, ())
    columns = dict(patients=("p", "q"))
    schemes = testing.evaluate(classifier, images, testing.EvaluationOptions(
        flips=flips, batch_size=3, progress="bar"), columns)
    ((used, how),) = asked
    assert used.images == ("settings", images.paths)
    assert how == dict(flips=testing.prediction.FLIPS[:4 if flips else 1],
                       batch_size=3, progress="bar")
    assert list(schemes) == ["plain", "flips"][:1 + flips]
    for table, expected in zip(schemes.values(), (
            by_flip[:, 0, 1], by_flip[..., 1].mean(axis=1)), strict=False):
        np.testing.assert_allclose(table.values, expected)
        assert table.patients == ("p", "q") and table.labels.tolist() == [0, 1]
