"""The heatmap command, from a folder of mammograms and a model file to one file."""

import types

import bars
import cv2
import keras
import numpy as np
import pytest
import recorded

from ddsm_train import heatmap_score
from end2end import checkpoints, config, heatmaps, images, models
from end2end.heatmaps import heatmap_files
from end2end.utils import files, locks

CLASSES = ("background", "calc_ben", "calc_mal", "mass_ben", "mass_mal")
IMAGES = config.ImageOptions(
    size=(64, 64), intensity_scale=0.003891, pixel_mean=50.0, channels=1)


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    """A patch classifier with its settings beside it."""
    keras.utils.set_random_seed(1)
    model = models.patch_classifier("yaroslav", len(CLASSES))
    path = tmp_path_factory.mktemp("model") / "patch.h5"
    checkpoints.save_model(model, path, dict(
        kind="patch", classes=CLASSES, images=config.to_dict(IMAGES),
        model=dict(backbone="yaroslav")))
    return path


@pytest.fixture
def folder(tmp_path):
    """Two breasts; one has no MLO view."""
    rng = np.random.default_rng(0)
    for name in ("A_LEFT_CC", "A_LEFT_MLO", "B_RIGHT_CC"):
        image = np.zeros((160, 128), np.uint16)
        image[10:150, :100] = rng.integers(20000, 60000, (140, 100))
        cv2.imwrite(str(tmp_path / f"{name}.png"), image)
    (tmp_path / "pat.csv").write_text(
        "patient_id,side,cancer\nB,RIGHT,1\nA,LEFT,0\n")
    return tmp_path


def run(folder, model_path, *flags):
    heatmap_score.main([str(word) for word in (
        folder, model_path, "--pat-csv", folder / "pat.csv",
        "--out", folder / "out" / "maps.pkl", *flags)])
    return heatmap_files.read_cases(folder / "out" / "maps.npz")


def test_one_pass_gives_the_heatmap_of_every_view(
        folder, model_path, capsys, monkeypatch):
    made = bars.noted(monkeypatch)
    cases = run(folder, model_path, "--fprop-mode", "--img-size", 160, 128,
                "--overlays", folder / "overlays")
    assert [(one.patient_id, one.side, one.cancer) for one in cases] == [
        ("A", "LEFT", 0), ("B", "RIGHT", 1)]
    assert made == [(None, "breast", None)]
    assert {path.name: folder_is for path, folder_is in locks.written()
            if folder in path.parents} == {"maps.npz": False, "overlays": True}
    assert cases[1].mlo is None
    # Pool and intensities follow from the model's settings, of which the size does not.
    model = checkpoints.load_model(model_path)
    ready = images.to_input(
        images.read_image(folder / "A_LEFT_CC.png"),
        config.ImageOptions(size=(160, 128), intensity_scale=0.003891, pixel_mean=50.0,
                            channels=1))
    expected = heatmaps.convolutional_heatmap(model, ready, pool_size=(1, 1))
    np.testing.assert_allclose(cases[0].cc, expected, atol=1e-6)
    recorded.check("heatmap-overlays", "\n".join([
        capsys.readouterr().out, recorded.folder(folder / "overlays")]),
        dict(OUT=folder))


def test_the_window_slides_over_the_breast_only(folder, model_path):
    case = run(folder, model_path, "--img-height", 160, "--patch-size", 64,
               "--stride", 32)[0]
    assert case.cc.shape == (5, 4, 5)  # ceil(140 / 32), ceil(100 / 32)
    np.testing.assert_allclose(case.cc.sum(-1), 1, rtol=1e-5)


def test_a_flag_wins_over_the_settings_of_the_model(folder, model_path):
    flags = ("--fprop-mode", "--img-size", 160, 128)
    settled = run(folder, model_path, *flags)[0].cc
    same = run(folder, model_path, *flags, "--featurewise-mean", 50)[0].cc
    other = run(folder, model_path, *flags, "--featurewise-mean", 90)[0].cc
    np.testing.assert_array_equal(settled, same)
    assert np.abs(settled - other).max() > 1e-6


def test_an_interrupted_run_goes_on_where_it_stopped(folder, model_path, monkeypatch):
    from ddsm_train.pipeline import heatmap_scoring

    flags = ("--fprop-mode", "--img-size", 160, 128)
    expected = run(folder, model_path, *flags)
    read, seen = images.read_image, []

    def interrupted(path):
        seen.append(path.name)
        if path.name == "A_LEFT_MLO.png" and len(seen) == 2:
            raise KeyboardInterrupt
        return read(path)

    monkeypatch.setattr(heatmap_scoring.images, "read_image", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(folder, model_path, *flags)
    found = run(folder, model_path, *flags)
    assert seen == ["A_LEFT_CC.png", "A_LEFT_MLO.png", "A_LEFT_MLO.png",
                    "B_RIGHT_CC.png"]
    np.testing.assert_array_equal(found[0].mlo, expected[0].mlo)
    assert not (folder / "out" / "maps.parts").exists()


def test_a_black_picture_is_left_out_and_named(folder, model_path, capsys):
    cv2.imwrite(str(folder / "A_LEFT_CC.png"), np.zeros((160, 128), np.uint16))
    cases = run(folder, model_path, "--img-height", 160, "--stride", 64)
    assert cases[0].cc is None and cases[0].mlo is not None
    assert "left out: A_LEFT_CC.png: the image is black" in capsys.readouterr().out
    for name in ("A_LEFT_MLO", "B_RIGHT_CC"):
        cv2.imwrite(str(folder / f"{name}.png"), np.zeros((160, 128), np.uint16))
    with pytest.raises(files.InputError, match="^no picture could be used; the first: "
                       "A_LEFT_CC.png: the image is black"):
        run(folder, model_path, "--img-height", 160, "--stride", 64)


def test_a_network_that_gives_no_scores_of_a_patch_is_refused(
        folder, model_path, monkeypatch):
    from ddsm_train.pipeline import heatmap_scoring

    monkeypatch.setattr(heatmap_scoring.checkpoints, "load_classifier", lambda *what: (
        types.SimpleNamespace(model=types.SimpleNamespace(
            output_shape=(None, 3, 3, 5)))))
    with pytest.raises(files.InputError) as caught:
        run(folder, model_path, "--fprop-mode")
    assert str(caught.value) == (
        f"model {model_path} gives no class scores of a patch; expected a patch "
        "classifier.")


def test_a_folder_without_the_pictures_of_the_table_is_refused(folder, model_path):
    (folder / "pat.csv").write_text("patient_id,side,cancer\nZ,LEFT,0\nY,RIGHT,1\n")
    with pytest.raises(files.InputError) as caught:
        run(folder, model_path, "--fprop-mode", "--patch-size", 2, "--stride", 1)
    assert str(caught.value) == (
        f"image folder {folder} has no picture of 2 breasts, such as Y_RIGHT_CC.png; "
        "check folder and table.")


@pytest.mark.parametrize(("flags", "first", "step", "pixel"), [
    # The map of the trunk has 3x4 cells of 64 pixels: the first mean of 2x1 of them has
    # its middle at 64, 32; the last column is in none.
    (("--fprop-mode", "--img-size", 192, 256, "--avg-pool-size", 2, 1, "--hm-strides",
      1, 2), (64, 32), (64, 128), (160 / 192, 128 / 256)),
    # Of 112 rows, with a margin of 32 on both sides, 112 remain for 5 steps of 24.
    (("--img-height", 128, "--patch-size", 64, "--stride", 24), (8, 4), (24, 24),
     (1, 1))])
def test_a_heatmap_knows_its_place_on_the_picture(
        folder, model_path, monkeypatch, flags, first, step, pixel):
    from ddsm_train.pipeline import heatmap_scoring

    lots, slide = [], heatmaps.sliding_heatmap
    monkeypatch.setattr(heatmap_scoring.heatmaps, "sliding_heatmap", lambda *what, **
                        how: (lots.append(how["batch_size"]), slide(*what, **how))[1])
    words = [str(word) for word in (folder, model_path, "--pat-csv", folder / "pat.csv",
                                    "--batch-size", 7, *flags)]
    job = heatmap_scoring.plan(heatmap_score.parser().parse_args(words))
    defaults = heatmap_scoring.settings_of(job.classifier)
    assert defaults == dict(
        stretch_max_to=None, intensity_scale=0.003891, equalize_histogram=False,
        center=True, pixel_mean=50.0, backbone="yaroslav", patch_size=64,
        heatmap_pool=(1, 1))
    arguments = heatmap_score.parser(defaults).parse_args(words)
    scored = heatmap_scoring.scorer(job.classifier.model, arguments)(
        folder / "B_RIGHT_CC.png")
    assert lots == [7] * ("--stride" in flags)
    assert scored.first == pytest.approx(first)
    assert scored.step == pytest.approx(step)
    assert scored.pixel == pytest.approx(pixel)
    recorded.check(f"heatmap-{'pass' if '--fprop-mode' in flags else 'window'}",
                   "\n".join([recorded.picture(scored.heatmap),
                              recorded.picture(scored.picture)]))


@pytest.mark.parametrize(("flags", "message"), [
    (("--fprop-mode", "--patch-size", 1), "--patch-size 1: expected at least 2."),
    (("--fprop-mode", "--stride", 0), "--stride 0: expected at least 1."),
    ((), "the sliding window needs the height of the picture; give --img-height, or "
         "--fprop-mode for one pass of the network.")])
def test_flags_that_cannot_be_are_refused_in_one_sentence(
        folder, model_path, flags, message):
    with pytest.raises(files.InputError) as caught:
        run(folder, model_path, *flags)
    assert str(caught.value) == message
