"""Flows from folders, tables, lists and exams."""

import warnings

import cv2
import keras
import numpy as np
import pandas as pd
import pytest
from tensorflow.keras.preprocessing.image import ImageDataGenerator

from end2end import augment, config, images
from end2end.augment import file_flows
from end2end.utils import files

LABELS = [0, 0, 1, 0, 1, 0, 0]


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for k, label in enumerate(LABELS):
        path = tmp_path / f"class{label}" / ("deep" if k == 3 else "") / f"{k}.png"
        path.parent.mkdir(exist_ok=True, parents=True)
        cv2.imwrite(str(path), rng.integers(0, 256, (20, 15, 3), np.uint8))
    return tmp_path


@pytest.fixture
def table(folder):
    paths = sorted(folder.rglob("*.png"), key=lambda path: int(path.stem))
    return pd.DataFrame(dict(
        filename=[str(path.relative_to(folder)) for path in paths],
        kind=["b" if label else "a" for label in LABELS],
        size=np.arange(7.0), weight=np.arange(7) + 1))


@pytest.fixture
def grey(tmp_path):
    levels = np.random.default_rng(1).random((7, 10, 8)) * 65535
    for k, label in enumerate(LABELS):
        path = tmp_path / f"class{label}" / f"{k}.png"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), levels[k].astype(np.uint16))
    return tmp_path


def later(**settings):
    return augment.MammogramDataGenerator(convention="keras3", **settings)


@pytest.mark.parametrize("options", [
    dict(), dict(color_mode="grayscale", class_mode="binary"),
    dict(color_mode="rgba", class_mode="input", interpolation="bilinear"),
    dict(class_mode="sparse", keep_aspect_ratio=True, classes=["class1", "class0"]),
    dict(class_mode=None, subset="validation"), dict(subset="training")])
def test_class_folders_flow_as_from_keras(folder, options):
    settings = dict(rotation_range=20.0, validation_split=0.4)
    common = dict(target_size=(12, 10), batch_size=3, seed=2) | options
    ours = later(**settings).flow_from_directory(folder, **common)
    theirs = ImageDataGenerator(**settings).flow_from_directory(folder, **common)
    assert len(ours) == len(theirs) and ours.class_indices == theirs.class_indices
    assert ours.filenames == theirs.filenames
    np.testing.assert_array_equal(ours.classes, theirs.classes)
    for _ in range(4):
        for part, expected in zip(next(ours), next(theirs), strict=True):
            np.testing.assert_allclose(part, expected, atol=1e-4)


@pytest.mark.parametrize("options", [
    dict(y_col="kind"), dict(y_col="kind", class_mode="binary", classes=["b", "a"]),
    dict(y_col="kind", class_mode="sparse", weight_col="weight"),
    dict(y_col="size", class_mode="raw"), dict(class_mode="input"),
    dict(y_col=["size", "weight"], class_mode="multi_output"),
    dict(class_mode=None, subset="training"), dict(y_col="kind", classes=["b"])])
def test_tables_flow_as_from_keras(folder, table, options):
    settings = dict(horizontal_flip=True, validation_split=0.3)
    common = dict(target_size=(12, 10), batch_size=3, seed=2) | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = ImageDataGenerator(**settings).flow_from_dataframe(
            table, folder, **common)
    ours = later(**settings).flow_from_dataframe(table, folder, **common)
    assert len(ours) == len(theirs) and ours.filenames == theirs.filenames
    for _ in range(3):
        first, second = next(ours), next(theirs)
        for part, expected in zip(first, second, strict=True):
            for a, b in zip(*((p if isinstance(p, list) else [p])
                              for p in (part, expected)), strict=True):
                np.testing.assert_allclose(a, b, atol=1e-4)


def test_several_classes_of_a_row_are_all_marked(folder, table):
    table["kind"] = [["b", "a"], "b", ["c"], "a", "a", "a", "a"]
    flow = later().flow_from_dataframe(
        table, folder, y_col="kind", shuffle=False, target_size=(4, 4))
    _, y = next(flow)
    assert y[:3].tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert flow.class_indices == dict(a=0, b=1, c=2)


def test_rows_without_a_file_are_left_out_and_counted(folder, table, caplog):
    table.loc[2, "filename"] = "absent.png"
    flow = later().flow_from_dataframe(table, folder, y_col="kind")
    assert flow.n == 6 and "1 of 7 rows" in caplog.text
    flow = later().flow_from_dataframe(
        table, folder, y_col="kind", validate_filenames=False)
    assert flow.n == 7


@pytest.mark.parametrize("change, options, error, words", [
    (dict(), dict(class_mode="output"), ValueError, "Invalid class_mode"),
    (dict(), dict(color_mode="cmyk"), ValueError, "Invalid color mode"),
    (dict(), dict(subset="foo"), ValueError, "Invalid subset"),
    (dict(), dict(class_mode="multi_output"), TypeError, "list of columns"),
    (dict(filename=1), dict(), TypeError, "no texts"),
    (dict(kind=3), dict(class_mode="binary"), TypeError, "class names as texts"),
    (dict(weight="2"), dict(weight_col="weight"), TypeError, "no numbers"),
    (dict(kind="a"), dict(class_mode="binary"), ValueError, "two classes")])
def test_wrong_tables_are_refused(folder, table, change, options, error, words):
    for column, value in change.items():
        table[column] = [value] * 7
    with pytest.raises(error, match=words):
        later().flow_from_dataframe(table, folder, **dict(y_col="kind") | options)


def test_words_of_older_keras_warn(folder, table):
    with pytest.warns(DeprecationWarning, match="has_ext") as warned:
        later().flow_from_dataframe(table, folder, y_col="kind", has_ext=False)
    # It is the caller's line that has to be changed.
    assert [warning.filename for warning in warned] == [__file__]


def test_links_are_followed_on_request(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    cv2.imwrite(str(other / "7.png"), np.zeros((5, 5), np.uint8))
    (folder / "class1" / "linked").symlink_to(other)
    assert later().flow_from_directory(folder).n == 7
    for generator in (later(), augment.MammogramDataGenerator()):
        flow = generator.flow_from_directory(folder, follow_links=True)
        assert flow.n == 8 and "class1/linked/7.png" in flow.filenames


def test_a_color_mode_without_meaning_for_mammograms_is_refused(folder):
    with pytest.raises(ValueError, match="convention='keras'"):
        augment.MammogramDataGenerator().flow_from_directory(folder, color_mode="rgba")


def test_a_network_trains_on_a_flow(folder):
    flow = augment.MammogramDataGenerator(rescale=1 / 255).flow_from_directory(
        folder, (8, 6), batch_size=3, class_mode="binary")
    model = keras.Sequential([
        keras.Input((8, 6, 1)), keras.layers.Flatten(),
        keras.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    history = model.fit(flow, epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2 and flow.total_batches_seen >= 6


def test_listed_files_flow_with_their_labels(folder):
    paths = sorted(folder.rglob("*.png"))
    x, y, weights = next(augment.MammogramDataGenerator().flow_from_img_list(
        paths, [1, 0, 0, 0, 1, 0, 0], (9, 7), batch_size=7, shuffle=False,
        auto_batch_balance=True))
    assert x.shape == (7, 9, 7, 1) and y.tolist() == [1, 0, 0, 0, 1, 0, 0]
    np.testing.assert_allclose(weights[:2], [3.5, 1.4], rtol=1e-6)
    expected = images.scaled(
        images.read_image(paths[3]), config.ImageOptions(size=(9, 7), channels=1))
    np.testing.assert_array_equal(x[3], expected)
    with pytest.raises(ValueError, match="7 files and 2 labels"):
        augment.MammogramDataGenerator().flow_from_img_list(paths, [0, 1])
    with pytest.raises(ValueError, match="needs labels"):
        augment.MammogramDataGenerator().flow_from_img_list(paths, None)


def exams(folder):
    path = [str(folder / f"class{LABELS[k]}" / ("deep" if k == 3 else "") / f"{k}.png")
            for k in range(7)]
    return [
        dict(L=dict(cancer=1, CC=path[0], MLO=[path[1], path[2]]),
             R=dict(cancer=None, CC=None, MLO=path[3])),
        dict(R=dict(cancer=0, CC=path[4], MLO=path[5]), L=dict(CC=None, MLO=[]))]


def test_breasts_of_exams_flow_as_pairs_of_views(folder, caplog):
    generator = augment.MammogramDataGenerator(featurewise_center=True,
                                               horizontal_flip=True)
    generator.mean = 40.0
    flow = generator.flow_from_exam_list(
        exams(folder), (9, 7), batch_size=3, shuffle=False, seed=1)
    (cc, mlo), y = next(flow)
    assert flow.breasts == [(0, "L"), (0, "R"), (1, "R")] and y.tolist() == [1, 0, 0]
    assert cc.shape == mlo.shape == (3, 9, 7, 1)
    # The absent view stays zero; the others are warped, each by itself, and centred.
    assert not cc[1].any() and mlo[1].any()
    options = config.ImageOptions(size=(9, 7), channels=1)
    rng = np.random.RandomState(1)
    for k, (first, second) in enumerate([(0, 1), (None, 3), (4, 5)]):
        for view, index in ((cc, first), (mlo, second)):
            warp = generator.draw(rng, 1)
            if index is not None:
                path = [p for p in folder.rglob(f"{index}.png")][0]
                image = images.scaled(images.read_image(path), options)
                np.testing.assert_array_equal(
                    view[k], generator.apply(image, warp) - 40)
    assert "1 breasts have no label" in caplog.text
    assert "1 breasts have no image" in caplog.text


def test_exams_without_images_are_refused():
    with pytest.raises(ValueError, match="none of the 1 exams"):
        augment.MammogramDataGenerator().flow_from_exam_list([dict(L=dict(CC=None))])


def test_an_empty_folder_is_refused_by_every_convention(tmp_path):
    (tmp_path / "a").mkdir()
    for generator in (later(), augment.MammogramDataGenerator()):
        with pytest.raises(files.InputError, match="no images"):
            generator.flow_from_directory(tmp_path)


def test_folders_flow_with_the_originals_arguments(grey):
    generator = augment.MammogramDataGenerator()
    flow = generator.flow_from_directory(
        grey, target_size=(9, 7), rescale_factor=0.003891, dup_3_channels=True,
        classes=["class1", "class0"], class_mode="categorical", auto_batch_balance=True,
        batch_size=7, shuffle=False)
    x, y, weights = next(flow)
    assert x.shape == (7, 9, 7, 3) and flow.class_indices == dict(class1=0, class0=1)
    assert flow.nb_sample == 7 and flow.nb_class == 2
    assert flow.filenames[0] == "class1/2.png"
    np.testing.assert_array_equal(flow.labels, [0, 0, 1, 1, 1, 1, 1])
    np.testing.assert_array_equal(y.argmax(axis=1), flow.labels)
    np.testing.assert_allclose(weights, [3.5, 3.5] + [1.4] * 5, rtol=1e-6)
    options = config.ImageOptions(size=(9, 7), intensity_scale=0.003891)
    expected = images.scaled(images.read_image(grey / "class1/2.png"), options)
    np.testing.assert_array_equal(x[0], expected)


@pytest.mark.parametrize("mode, kind, first", [
    ("binary", np.float32, 0.0), ("sparse", np.int64, 0), ("categorical", np.float32,
                                                          [1.0, 0.0])])
def test_labels_come_in_the_mode_asked_for(grey, mode, kind, first):
    x, y = next(augment.MammogramDataGenerator().flow_from_directory(
        grey, (8, 8), class_mode=mode, shuffle=False))
    assert y.dtype == kind and y[0].tolist() == first and x.shape[3] == 1


def test_without_a_mode_images_come_alone_and_unknown_modes_are_refused(grey):
    generator = augment.MammogramDataGenerator()
    assert next(generator.flow_from_directory(grey, class_mode=None)).ndim == 4
    with pytest.raises(ValueError, match="class_mode: 'multi'"):
        generator.flow_from_directory(grey, class_mode="multi")
    with pytest.raises(files.InputError, match="no images"):
        generator.flow_from_directory(grey, classes=["none"])


def test_flows_say_which_files_and_classes_they_have(folder, table):
    paths = [str(folder / name) for name in table["filename"]]
    flow = later().flow_from_dataframe(table, folder, y_col="kind", weight_col="weight",
                                       class_mode="sparse", shuffle=False)
    assert (flow.directory, flow.class_mode) == (folder, "sparse")
    assert flow.filenames == table["filename"].tolist() and flow.filepaths == paths
    assert flow.labels == flow.classes == LABELS
    assert flow.class_indices == dict(a=0, b=1)
    assert flow.nb_class == flow.num_classes == 2
    assert flow.sample_weight.tolist() == [1, 2, 3, 4, 5, 6, 7]
    raw = later().flow_from_dataframe(table, folder, y_col="size", class_mode="raw")
    assert raw.labels.tolist() == list(range(7)) and not hasattr(raw, "classes")
    flow = later().flow_from_directory(folder, class_mode="binary")
    assert (flow.directory, flow.class_mode) == (folder, "binary")
    assert flow.filepaths == [str(folder / name) for name in flow.filenames]
    assert flow.nb_class == flow.num_classes == 2 and flow.labels is flow.classes
    flow = later().flow_from_img_list(paths, LABELS, (4, 4))
    assert flow.filenames == flow.filepaths == paths and flow.labels.tolist() == LABELS
    flow = later().flow_from_img_list(paths[:2], None, (4, 4), class_mode=None)
    assert flow.labels is None and next(flow).shape == (2, 4, 4, 3)
    flow = later().flow_from_exam_list(exams(folder), (4, 4), class_mode=None)
    assert flow.labels.tolist() == [1, 0, 0]
    flow = later().flow_from_exam_list(
        exams(folder), (4, 4), class_mode="categorical", shuffle=False)
    assert next(flow)[1].tolist() == [[0, 1], [1, 0], [1, 0]]


def test_rows_of_other_classes_are_left_out_and_counted(folder, table, caplog):
    table["kind"] = ["a", ["c", "d"], "c", "d", ["a", "c"], "a", "a"]
    flow = later().flow_from_dataframe(
        table, folder, y_col="kind", classes=["b", "a", "b"])
    assert caplog.messages == [
        "3 rows have none of the classes b, a; they are left out."]
    assert flow.labels == [1, [1], 1, 1] and flow.class_indices == dict(b=0, a=1)


@pytest.mark.parametrize(("mode", "labels", "end"), [
    ("categorical", [1] * 7, ", or lists of them."), ("sparse", [["a"]] * 7, ".")])
def test_labels_that_a_mode_cannot_use_are_refused_with_those_it_can(
        folder, table, mode, labels, end):
    table["kind"] = labels
    with pytest.raises(TypeError) as caught:
        later().flow_from_dataframe(table, folder, y_col="kind", class_mode=mode)
    assert str(caught.value) == (
        f"y_col='kind' has values that class_mode={mode!r} cannot use; expected class "
        f"names as texts{end}")


def test_mammograms_are_read_with_all_that_is_asked_for(grey):
    path = grey / "class0" / "3.png"
    read, shape = file_flows.reader(
        augment.MammogramDataGenerator(), (9, 7), color_mode="rgb", target_height=20,
        target_scale=99.0, rescale_factor=0.5, equalize_hist=True)
    assert shape == (9, 7, 3)
    np.testing.assert_array_equal(read(path), images.scaled(
        images.read_image(path), config.ImageOptions(
            size=(9, 7), height=20, stretch_max_to=99.0, intensity_scale=0.5,
            equalize_histogram=True, channels=3)))
    assert read(path).shape == (20, 16, 3)


def test_where_nothing_is_left_out_nothing_is_said(folder, table, caplog):
    known = [exams(folder)[0] | dict(R=dict(cancer=0, CC=None, MLO="a.png"))]
    later().flow_from_dataframe(table, folder, y_col="kind")
    later().flow_from_exam_list(known, (4, 4))
    assert caplog.messages == []
    unknown = [dict(L=dict(cancer=float("nan"), CC="a.png", MLO=None))]
    later().flow_from_exam_list(unknown, (4, 4), class_mode=None)
    assert caplog.messages == []
    flow = later().flow_from_exam_list(unknown, (4, 4))
    assert flow.labels.tolist() == [0] and caplog.messages == [
        "1 breasts have no label; they count as 0, as in the original."]


def test_listed_files_are_of_as_many_classes_as_their_labels_tell(folder):
    paths = sorted(folder.rglob("*.png"))[:3]
    _, y = next(later().flow_from_img_list(
        paths, [2, 0, 2], (4, 4), class_mode="categorical", shuffle=False))
    assert y.tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 1]]
    generator = augment.MammogramDataGenerator()
    for given, labels, words in (
            ([], None, "there are 0 files and no labels; expected at least one file, "
                       "and a label for each."),
            ([], [1], "there are 0 files and 1 labels; expected at least one file, and "
                      "a label for each."),
            (paths, None, "class_mode=None needs labels; pass them, or "
                          "class_mode=None.")):
        with pytest.raises(ValueError) as caught:
            generator.flow_from_img_list(given, labels, class_mode=None,
                                         auto_batch_balance=True)
        assert str(caught.value) == words
