"""Results depend on the images, the settings and the seed; on nothing else."""

import pathlib

import cv2
import numpy as np
import pytest
from saved_models import SIZE, whole_image_model, write_images

from ddsm_train import image_clf_train, prepare
from ddsm_train.pipeline import heatmap_scoring
from end2end import checkpoints, phantoms, prediction
from end2end.archive import __main__ as archive_program
from end2end.archive import work
from end2end.data import image_lists
from end2end.explanation import maps
from end2end.metrics import __main__ as metrics_program
from end2end.serve import browsers, scoring
from end2end.utils import files


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("numbers")
    write_images(folder, women=7)
    whole_image_model(folder / "best.h5")
    return folder


@pytest.fixture(scope="module")
def classifier(folder):
    return checkpoints.load_classifier(folder / "best.h5")


def paths(folder):
    return sorted(folder.glob("[np]*/*.png"))


@pytest.mark.parametrize("flips", [False, True])
def test_scores_do_not_depend_on_the_batch_size(folder, classifier, flips):
    scores = [prediction.predict(classifier, paths(folder), flips=flips, batch_size=n)
              for n in (1, 3, 14)]
    assert scores[0].shape == (14, 2)
    np.testing.assert_allclose(scores[1], scores[0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(scores[2], scores[0], rtol=0, atol=1e-6)


def test_scores_do_not_depend_on_the_order_of_the_files(folder, classifier):
    order = np.random.default_rng(1).permutation(14)
    ordered = [paths(folder)[i] for i in order]
    np.testing.assert_allclose(
        prediction.predict(classifier, ordered),
        prediction.predict(classifier, paths(folder))[order], rtol=0, atol=1e-6)


def test_the_same_call_gives_the_same_bits(folder, classifier):
    first, other = (prediction.predict(classifier, paths(folder)) for _ in range(2))
    np.testing.assert_array_equal(first, other)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_gets_no_score(classifier, value):
    image = np.full(SIZE, 50, np.float32)
    image[5, 6] = value
    with pytest.raises(files.InputError, match="not finite"):
        prediction.score_image(image, classifier)
    with pytest.raises(files.InputError, match="not finite"):
        prediction.predict(classifier, image_lists.from_arrays([image]))


@pytest.mark.parametrize("value", [0, 7, 255])
def test_a_constant_image_gets_no_score_in_silence(classifier, value, caplog):
    image = np.full(SIZE, value, np.uint8)
    assert prediction.score_image(image, classifier).flags
    prediction.predict(classifier, image_lists.from_arrays([image]))
    assert "one value everywhere" in caplog.text


@pytest.fixture(scope="module")
def nowhere(tmp_path_factory):
    """A model whose every score is no number."""
    path = whole_image_model(tmp_path_factory.mktemp("nan") / "best.h5")
    classifier = checkpoints.load_classifier(path)
    last = classifier.model.get_layer("out")
    last.set_weights([weights * np.nan for weights in last.get_weights()])
    return classifier


def test_a_score_that_is_no_number_is_refused_by_all_that_scores(folder, nowhere):
    path, reason = paths(folder)[0], "score that is not finite"
    for score in (lambda: prediction.predict(nowhere, [path]),
                  lambda: prediction.score_image(path, nowhere),
                  lambda: maps.explain(nowhere, path, maps.ExplainOptions()),
                  lambda: scoring.Scorer([nowhere]).score(
                      "a.png", path.read_bytes(), "", browsers.Browser(
                          folder / "held"))):
        with pytest.raises(files.InputError, match=reason):
            score()
    row, = work._score_batch(
        [(dict(path=str(path)), dict(path=str(path)))], [nowhere], False,
        work.Loading())
    assert "score" not in row and reason in row["error"]


@pytest.mark.parametrize("text", ["nan", "inf", "", "x"])
def test_a_table_with_a_score_that_is_no_number_is_refused(text, tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text(f"path,label,score\na,0,0.1\nb,1,{text}\n")
    for command, words in ((metrics_program, [str(path)]), (
            archive_program, ["evaluate", str(path), "--runs", "10"])):
        with pytest.raises(files.InputError, match="finite|score"):
            command.main(words)


def test_an_image_of_one_value_is_named_beside_its_maps(classifier, tmp_path, caplog):
    cv2.imwrite(str(tmp_path / "a.png"), np.full(SIZE, 9, np.uint8))
    maps.explain(classifier, tmp_path / "a.png", maps.ExplainOptions())
    assert "one value everywhere" in caplog.text


@pytest.mark.parametrize(("heatmap", "picture", "reason"), [
    (np.full((2, 2, 5), np.nan), np.eye(4), "not finite"),
    (np.full((2, 2, 5), 0.2), np.full((4, 4), 3), "one value everywhere")])
def test_a_heatmap_of_nothing_is_left_out(heatmap, picture, reason):
    scored = heatmap_scoring.Scored(heatmap, picture, (0, 0), (1, 1))
    with pytest.raises(files.InputError, match=reason):
        heatmap_scoring.check(scored, pathlib.Path("a.png"))


@pytest.mark.slow
def test_the_import_does_not_depend_on_the_number_of_processes(tmp_path):
    phantoms.write_cbis_ddsm(tmp_path / "in", patients=4, seed=2, size=(64, 64))
    results = []
    for workers in ("1", "3"):
        out = tmp_path / workers
        prepare.main([str(tmp_path / "in"), str(out), "--size", "64", "64",
                      "--workers", workers])
        results.append({path.relative_to(out).as_posix(): path.read_bytes()
                     for path in out.rglob("*") if path.suffix in (".png", ".csv")})
    assert results[0] == results[1] and results[0]


def test_training_with_an_empty_class_is_refused_before_any_work(tmp_path):
    for part in ("train", "val", "test"):
        for name in ("neg", "pos"):
            (tmp_path / part / name).mkdir(parents=True)
            if (part, name) != ("train", "pos"):
                for i in range(2):
                    cv2.imwrite(str(tmp_path / part / name / f"{i}.png"),
                                np.arange(64, dtype=np.uint8).reshape(8, 8) * (i + 1))
    with pytest.raises(files.InputError, match="no images of the class 'pos'"):
        image_clf_train.main([
            *(str(tmp_path / part) for part in ("train", "val", "test")),
            "--no-use-pretrained", "--patch-net", "yaroslav", "--img-size", "64", "64",
            "--best-model", str(tmp_path / "out" / "best.h5")])
    assert not (tmp_path / "out" / "best.h5").exists()
