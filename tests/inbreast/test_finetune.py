"""Transfer in 1-2-3 to anybody's images: look, fine-tune, from folders or a table."""

import re
import shlex

import cv2
import numpy as np
import pytest
import recorded
import tensorflow as tf
import tiny_networks

from end2end import checkpoints, config, prediction
from end2end.images import __main__ as program
from end2end.utils import files
from inbreast import finetune

SIZE = (8, 8)


@pytest.fixture(autouse=True)
def eagerly():
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def model_file(tmp_path):
    """A whole-image classifier of another data set, with that one's intensities."""
    path = tmp_path / "models" / "first.h5"
    path.parent.mkdir()
    checkpoints.save_model(tiny_networks.nested_network(), path, dict(
        kind="whole_image", classes=["neg", "pos"], images=config.to_dict(
            config.ImageOptions(size=SIZE, intensity_scale=0.003891, pixel_mean=52.18)),
        model={}, training={}, trained_on="another place", metrics={}))
    return path


@pytest.fixture
def data(tmp_path):
    """12-bit images in 16-bit files; positives are brighter."""
    rng = np.random.default_rng(3)
    for split, count in (("train", 4), ("val", 2), ("test", 2)):
        for label, name in enumerate(("neg", "pos")):
            folder = tmp_path / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                image = rng.normal(1000 + 1500 * label, 200, SIZE).clip(0, 4095)
                image[0, 0] = 4000
                cv2.imwrite(str(folder / f"{number}.png"), image.astype(np.uint16))
    return tmp_path


def as_tables(data):
    """The same images named by a table for each set, labels as numbers."""
    for split in ("train", "val", "test"):
        lines = [f"{path.relative_to(data)},{int(path.parent.name == 'pos')}"
                 for path in sorted((data / split).rglob("*.png"))]
        (data / f"{split}.csv").write_text("\n".join(["path,label", *lines]) + "\n")
    return [data / f"{split}.csv" for split in ("train", "val", "test")]


def tuned(data, sets, model_file, *flags):
    out = data / "tuned" / "best.h5"
    finetune.main([*map(str, sets), "--resume-from", str(model_file), "--best-model",
                   str(out), "--all-layer-epochs", "2", *flags])
    return checkpoints.load_classifier(out)


def test_the_numbers_that_the_check_prints_are_those_found_in_fine_tuning(
        data, model_file, capsys):
    sets = [data / split for split in ("train", "val", "test")]
    program.main([str(sets[0]), "--img-size", "8", "8"])
    scale, mean = re.search(
        r"To use: --rescale-factor (\S+) --featurewise-mean (\S+)",
        capsys.readouterr().out).groups()
    found = tuned(data, sets, model_file).images
    assert found.size == SIZE
    assert found.intensity_scale == pytest.approx(float(scale), rel=1e-3)
    assert found.pixel_mean == pytest.approx(float(mean), abs=0.01)
    assert found.pixel_mean != 52.18
    printed = capsys.readouterr().out
    assert "-m ddsm_train.evaluate" in printed.partition("next: ")[2]
    lines = re.search(
        r"settings, as flags:\n(( .*\\\n)* .*)", printed)[1].replace("\\\n", " ")
    words = shlex.split(lines)
    assert "--all-layer-epochs" in words and "--patch-net" not in words
    pasted = finetune.parse([*map(str, sets), *words])
    assert pasted[3].all_until_epoch == 2 and pasted[1].size == SIZE


def test_recipes_and_stored_settings_are_as_recorded(model_file, tmp_path):
    lines = []
    for images, words in (
            ({}, []), (dict(size=[640, 512], crop_breast=True, breast_only=False), []),
            (dict(remove_pectoral=True, breast_only=True), ["--recipe", "readme"]),
            ({}, ["--folds", "2", "--img-size", "8", "6", "--crop-breast"])):
        files.write_json(model_file.with_suffix(".config.json"), dict(images=images))
        folders, *options, folds = finetune.parse(
            ["T", "V", "S", "--resume-from", str(model_file), *words])
        lines += [f"== {images} {words}: {folders} {folds}",
                  *map(str, map(config.to_dict, options))]
    for words in ([], ["--resume-from", str(tmp_path / "none.h5")],
                  ["--resume-from", str(model_file), "--folds", "1"],
                  ["--resume-from", str(model_file), "--folds", "-2"]):
        with pytest.raises(files.InputError) as caught:
            finetune.parse(["T", "V", "S", *words])
        lines.append(str(caught.value))
    recorded.check("finetune", "\n".join(lines), dict(OUT=tmp_path))


def test_folds_are_run_with_all_that_was_typed(model_file, monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(finetune.pipeline.folds, "run", lambda *what, **how: (
        calls.append((what, how)), {})[1])
    finetune.main(["T", "V", "S", "--resume-from", str(model_file), "--folds", "3"])
    [((folders, options, count), how)] = calls
    assert (folders, count) == (("T", "V", "S"), 3)
    assert options[-1].resume_from == str(model_file)
    assert how == dict(say=finetune.commands.say, not_asked=finetune.NOT_HERE,
                       verbose=finetune.commands.keras_verbosity())
    assert capsys.readouterr().out == ""


def test_a_damaged_card_is_refused(tmp_path):
    (tmp_path / "best.config.json").write_text('{"images": 0.5}')
    with pytest.raises(files.InputError, match="images is 0.5"):
        finetune.stored_flags(tmp_path / "best.h5")


def test_a_table_gives_what_the_folders_give(data, model_file):
    folders = [data / split for split in ("train", "val", "test")]
    one = tuned(data, folders, model_file)
    first = files.read_json(data / "tuned" / "best.report.json")
    for path in (data / "tuned").iterdir():
        path.unlink()
    other = tuned(data, as_tables(data), model_file)
    then = files.read_json(data / "tuned" / "best.report.json")
    assert first["history"] == then["history"]
    paths = sorted((data / "test").rglob("*.png"))
    np.testing.assert_array_equal(
        prediction.predict(one, paths), prediction.predict(other, paths))


def test_numbers_typed_are_taken_as_they_are(data, model_file):
    sets = [data / split for split in ("train", "val", "test")]
    found = tuned(data, sets, model_file, "--rescale-factor", "0.0623",
                  "--featurewise-mean", "44.33").images
    assert (found.intensity_scale, found.pixel_mean) == (0.0623, 44.33)


def test_all_layers_of_the_given_model_are_trained_further(data, model_file):
    sets = [data / split for split in ("train", "val", "test")]
    before = checkpoints.load_model(model_file).get_weights()
    after = tuned(data, sets, model_file, "--init-learningrate", "0.01")
    report = files.read_json(data / "tuned" / "best.report.json")
    assert {row["stage"] for row in report["history"]} == {"all layers"}
    assert any(np.abs(one - other).max() > 1e-4 for one, other in zip(
        before, after.model.get_weights(), strict=True))


def test_the_training_images_stand_for_validation_where_the_last_epoch_is_kept(
        data, model_file, capsys, caplog):
    train, _, test = as_tables(data)
    tuned(data, [train, train, test], model_file, "--keep-epoch", "last",
          "--es-patience", "0", "--all-layer-epochs", "3")
    report = files.read_json(data / "tuned" / "best.report.json")
    assert (report["epochs"], report["best"]["epoch"]) == (3, 3)
    printed = capsys.readouterr().out
    assert "the training images stand for those of validation" in printed
    assert "The model of epoch 3, the last, is kept" in printed
    assert "given twice" not in caplog.text
