"""Heatmaps both ways, their files, and how they lie on a mammogram."""

import json
import os
import pickle

import keras
import numpy as np
import pytest

from end2end import config, heatmaps, models
from end2end.heatmaps import heatmap_files, sliding
from end2end.utils import files


def constant_model(value):
    """A classifier that gives every patch the same score."""
    return lambda batch: np.full((len(batch), 1), value, np.float32)


def mean_model(batch):
    """Scores of two classes: mean of the patch, and its first pixel."""
    return np.stack([batch.mean((1, 2, 3)), batch[:, 0, 0, 0]], axis=1)


@pytest.fixture(scope="module")
def patch_model():
    """A patch classifier with a stride of 64 and random weights that tell patches
    apart."""
    keras.utils.set_random_seed(1)
    model = models.patch_classifier("yaroslav", 5)
    last = model.layers[-1]
    last.set_weights([weights * 20 for weights in last.get_weights()])
    return model


def noise(*shape):
    return np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)


def test_sweeping_a_constant_model_gives_the_constant():
    heatmap = heatmaps.sliding_heatmap(
        constant_model(0.3), np.zeros((64, 64)), patch_size=16, stride=8)
    assert heatmap.shape == (8, 8, 1)
    np.testing.assert_allclose(heatmap, 0.3, rtol=1e-6)


@pytest.mark.parametrize("shape, cells", [
    ((1024, 700), (8, 6)), ((300, 257), (3, 2)), ((256, 256), (2, 2))])
def test_the_sliding_grid_has_the_original_number_of_cells(shape, cells):
    heatmap = heatmaps.sliding_heatmap(
        constant_model(1), np.zeros(shape, np.uint8), patch_size=256, stride=128)
    assert heatmap.shape == (*cells, 1)


def test_windows_are_taken_row_by_row_in_batches_of_any_size():
    image = noise(40, 30)
    maps = [heatmaps.sliding_heatmap(mean_model, image, patch_size=8, stride=4,
                                     batch_size=size) for size in (1, 7, 1000)]
    np.testing.assert_allclose(maps[0], maps[1], rtol=1e-5)
    np.testing.assert_allclose(maps[0], maps[2], rtol=1e-5)
    padded = np.pad(image, 4)
    assert maps[0][1, 2, 1] == padded[2 + 4, 1 + 8]


def test_an_image_without_a_window_is_refused():
    for shape in ((20, 40), (40, 21)):
        with pytest.raises(ValueError) as caught:
            heatmaps.sliding_heatmap(constant_model(1), np.zeros(shape), patch_size=32,
                                     stride=8, margin=0)
        assert str(caught.value) == (
            f"an image of {shape[0]}x{shape[1]} pixels has no window of 32; choose a "
            "smaller patch size or a margin.")


def test_both_ways_agree_on_an_image_of_one_patch(patch_model):
    image = noise(256, 256, 1) - 50
    pool = 256 // 64
    sliding = heatmaps.sliding_heatmap(patch_model, image, patch_size=256, stride=256)
    whole = heatmaps.convolutional_heatmap(patch_model, image, pool_size=(pool, pool))
    assert whole.shape == (1, 1, 5)
    assert sliding.std() > 0.01
    np.testing.assert_allclose(whole, sliding, atol=1e-4)


def test_a_convolutional_heatmap_sums_to_one_and_takes_a_ready_model(patch_model):
    image = noise(320, 256) - 50
    heatmap = heatmaps.convolutional_heatmap(patch_model, image, pool_size=(2, 2))
    assert heatmap.shape == (4, 3, 5)
    np.testing.assert_allclose(heatmap.sum(-1), 1, rtol=1e-5)
    ready = models.heatmap_model(patch_model, pool=(2, 2))
    np.testing.assert_array_equal(
        heatmaps.convolutional_heatmap(ready, image), heatmap)


def test_windows_are_scaled_one_by_one_and_centred():
    windows = np.stack([np.full((4, 4), 100), np.full((4, 4), 50)]).astype(np.uint16)
    options = config.ImageOptions(
        stretch_max_to=200, center=True, pixel_mean=30, channels=3)
    batch = heatmaps.window_preparation(options)(windows)
    assert batch.shape == (2, 4, 4, 3)
    np.testing.assert_allclose(batch, 170)


def test_the_backbones_preprocessing_is_used_only_without_centring():
    windows = np.full((1, 4, 4), 100, np.uint16)
    for center, value in ((True, 100 - 52.16), (False, 1100)):
        options = config.ImageOptions(center=center)
        batch = heatmaps.window_preparation(
            options, preprocess=lambda batch: batch + 1000)(windows)
        np.testing.assert_allclose(batch, value, rtol=1e-6)


def test_agreement_of_a_map_with_itself_is_perfect():
    heatmap = noise(5, 4, 3)
    assert heatmaps.agreement(heatmap, heatmap) == (pytest.approx(1), 0)
    even = np.full((5, 4, 3), 300)
    for pair in ((heatmap, even), (even, heatmap)):
        correlation, largest = heatmaps.agreement(*pair)
        assert np.isnan(correlation) and largest == 300 - heatmap.min()


def test_spreading_puts_every_cell_on_its_centre():
    cells = noise(4, 3)
    spread = heatmaps.spread(cells, (100, 80), first=(10, 12), step=(25, 20))
    np.testing.assert_allclose(spread[10::25, 12:60:20], cells, rtol=1e-4)
    assert spread[0, 0] == cells[0, 0]


def cases():
    return [
        heatmap_files.Case("P_1", "LEFT", 1, noise(3, 2, 5), None),
        heatmap_files.Case("P_2", "RIGHT", 0, None, noise(4, 2, 5))]


def same(stored, expected):
    for ours, theirs in zip(stored, expected, strict=True):
        assert ours.patient_id == theirs.patient_id and ours.side == theirs.side
        assert ours.cancer == theirs.cancer
        for view in heatmap_files.VIEWS:
            np.testing.assert_array_equal(
                getattr(ours, view), getattr(theirs, view))


def test_cases_come_back_from_their_file(tmp_path):
    heatmap_files.write_cases(tmp_path / "a.npz", cases(), classes="abcde",
                              settings=dict(stride=8, model=tmp_path))
    same(heatmap_files.read_cases(tmp_path / "a.npz"), cases())
    with np.load(tmp_path / "a.npz", allow_pickle=False) as stored:
        assert stored["classes"].tolist() == list("abcde")
        assert json.loads(str(stored["settings"])) == dict(
            stride=8, model=str(tmp_path))


@pytest.mark.parametrize("protocol", [0, 2])
def test_the_original_pickles_are_read(tmp_path, protocol):
    stored = [dict(vars(case), cancer=np.int64(case.cancer)) for case in cases()]
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(stored, protocol=protocol))
    same(heatmap_files.read_cases(tmp_path / "a.pkl"), cases())


def test_a_python_2_pickle_is_read(tmp_path):
    # As Python 2.7 with NumPy 1.14 wrote an array of one float32 1.0.
    text = (b"(lp0\n(dp1\nS'patient_id'\np2\nS'P_1'\np3\nsS'side'\np4\nS'LEFT'\np5\n"
            b"sS'cancer'\np6\nI1\nsS'mlo'\np7\nNsS'cc'\np8\n"
            b"cnumpy.core.multiarray\n_reconstruct\np9\n(cnumpy\nndarray\np10\n(I0\n"
            b"tp11\nS'b'\np12\ntp13\nRp14\n(I1\n(I1\nI1\nI1\ntp15\ncnumpy\ndtype\n"
            b"p16\n(S'f4'\np17\nI0\nI1\ntp18\nRp19\n(I3\nS'<'\np20\nNNNI-1\nI-1\nI0\n"
            b"tp21\nbI00\nS'\\x00\\x00\\x80?'\np22\ntp23\nbsa.")
    (tmp_path / "a.pkl").write_bytes(text)
    case, = heatmap_files.read_cases(tmp_path / "a.pkl")
    assert case.cc.shape == (1, 1, 1) and case.cc[0, 0, 0] == 1 and case.mlo is None


class Hostile:
    def __reduce__(self):
        return os.system, ("exit 1",)


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([Hostile()], protocol=0))
    with pytest.raises(files.InputError, match="which is not data"):
        heatmap_files.read_cases(tmp_path / "a.pkl")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04cut off", b"hello", b"]q\x00."])
def test_damaged_files_are_refused(tmp_path, data):
    (tmp_path / "a.npz").write_bytes(data)
    if data == b"]q\x00.":  # an empty list: no cases, and no harm
        assert heatmap_files.read_cases(tmp_path / "a.npz") == []
        return
    with pytest.raises(files.InputError):
        heatmap_files.read_cases(tmp_path / "a.npz")


def test_breasts_come_from_either_table_sorted_and_chosen_by_a_list(tmp_path):
    (tmp_path / "pat.csv").write_text(
        "patient_id,side,cancer\nB,LEFT,0\nA,RIGHT,1\nA,LEFT,0\n")
    (tmp_path / "roi.csv").write_text(
        "patient_id,side,view,pathology\nB,LEFT,CC,BENIGN\nA,RIGHT,CC,BENIGN\n"
        "A,RIGHT,MLO,MALIGNANT\nA,LEFT,CC,BENIGN\n")
    expected = [("A", "LEFT", 0), ("A", "RIGHT", 1), ("B", "LEFT", 0)]
    for table in ("pat.csv", "roi.csv"):
        assert heatmap_files.read_breasts(tmp_path / table) == expected
    # The original lost the first patient of the list.
    for text in ("A\n", "patient_id\nA\n"):
        (tmp_path / "list.txt").write_text(text)
        assert heatmap_files.read_breasts(
            tmp_path / "pat.csv", tmp_path / "list.txt") == expected[:2]


def test_images_may_come_without_channels_to_a_model_of_several():
    rng = np.random.default_rng(1)
    image = rng.normal(size=(6, 5)).astype(np.float32)

    class Model:
        output_shape, input_shape = (None, None, None, 2), (None, None, None, 3)

        def __call__(self, batch):
            assert batch.dtype == np.float32 and batch.shape == (1, 6, 5, 3)
            return batch[..., :2] * [1, 2]
    model = Model()
    for form in (image, np.repeat(image[..., None], 3, axis=-1)):
        heatmap = sliding.convolutional_heatmap(model, form)
        np.testing.assert_allclose(heatmap[..., 1], 2 * image)
    assert sliding.input_channels(Model.__call__) == 3


def test_windows_of_cells_lie_row_by_row_at_the_steps_of_the_patch():
    image = np.arange(16 * 20).reshape(16, 20, 1)
    windows = sliding.windows_of_cells(image, (2, 3), pool=(4, 2), patch_size=(8, 6))
    assert windows.shape == (6, 8, 6, 1)
    assert windows[:, 0, 0, 0].tolist() == [0, 3, 6, 40, 43, 46]
    assert windows[-1, -1, -1, 0] == 9 * 20 + 11
    # Half a pixel goes to the even one.
    windows = sliding.windows_of_cells(image, (2, 2), pool=(2, 2), patch_size=(7, 9))
    assert windows[:, 0, 0, 0].tolist() == [0, 4, 80, 84]


def test_a_pool_takes_steps_and_another_end_where_they_are_asked_for(patch_model):
    image = noise(384, 256) - 50
    one, two = (heatmaps.convolutional_heatmap(
        patch_model, image, pool_size=(2, 2), strides=strides)
        for strides in ((1, 1), (2, 1)))
    assert one.shape == (5, 3, 5)
    np.testing.assert_allclose(two, one[::2], atol=1e-6)
    linear, pool = heatmaps.network(patch_model, (128, 256), activation="linear")
    assert pool == (2, 4)
    values = linear(noise(1, 384, 256, 1) - 50)[0]
    assert values.shape == (5, 1, 5) and np.min(values) < 0


def test_scores_without_an_axis_of_classes_have_one_class():
    def first(batch):
        return batch[:, 0, 0, 0]
    image = noise(6, 5)
    heatmap = heatmaps.sliding_heatmap(
        first, image, patch_size=2, stride=1, margin=0)
    np.testing.assert_array_equal(heatmap[..., 0], image[:4, :3])
    assert heatmap.shape == (4, 3, 1)
