"""Rows of `archive predict`: what they say, and that each comes once."""

import contextlib
import csv
import os
import shutil
import subprocess
import sys
import types

import cv2
import dask_cluster
import dicom_writer
import numpy as np
import pytest
import saved_models

from end2end import checkpoints, config, models, predict, prediction
from end2end.archive import __main__ as program
from end2end.archive import shards, storage, streamed, work
from end2end.utils import files
from tests.archive import test_shards


def predicted(table, model, out, *more):
    program.main(["predict", str(table), "--models", str(model), "--out", str(out),
                  *more])
    return list(shards.read_rows(out))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved_models.whole_image_model(
        tmp_path_factory.mktemp("models") / "best.h5")


@pytest.fixture
def study(tmp_path):
    """Three DICOM files of two women, and a manifest of them."""
    ramp = np.tile(np.linspace(0, 4095, 64).astype(np.uint16), (80, 1))
    for name, woman in (("a", "woman-1"), ("b", "woman-2"), ("c", "woman-1")):
        dicom_writer.write(tmp_path / f"{name}.dcm", ramp, PatientID=woman,
                           ImageLaterality="L", ViewPosition="CC")
    shards.write_rows(tmp_path / "in.csv", ("path", "label"), [
        dict(path=f"{name}.dcm", label=k % 2) for k, name in enumerate("abc")])
    return tmp_path / "in.csv"


def test_rows_have_side_view_flags_and_pseudonyms_alike_in_all_shards(
        study, model, tmp_path):
    rows = predicted(study, model, tmp_path / "out", "--rows", "1")
    names = [row["patient"] for row in rows]
    assert names[0] == names[2] != names[1]
    assert all(name.startswith("patient ") for name in names)
    assert {(row["laterality"], row["view"]) for row in rows} == {("L", "CC")}
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    assert b"woman" not in written
    assert all("beyond 255" in row["flags"] for row in rows)
    shard = tmp_path / "out" / "part-000002.csv"
    shard.unlink()
    assert predicted(study, model, tmp_path / "out", "--rows", "1") == rows


def test_numbers_of_patients_stay_on_request(study, model, tmp_path):
    rows = predicted(study, model, tmp_path / "out", "--keep-ids")
    assert [row["patient"] for row in rows] == ["woman-1", "woman-2", "woman-1"]
    with pytest.raises(files.InputError, match="another settings"):
        predicted(study, model, tmp_path / "out")


def test_scores_and_flags_are_those_of_the_ordinary_path(study, model, tmp_path):
    loaded = checkpoints.load_classifier(model)
    for row in predicted(study, model, tmp_path / "out"):
        found = prediction.score_image(row["path"], loaded)
        assert float(row["score"]) == pytest.approx(found.score, abs=1e-6)
        assert row["flags"] == " | ".join(found.flags)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("place", ["memory", "plain"])
def test_an_archive_in_storage_is_scored_and_evaluated(model, tmp_path, kind, place):
    pytest.importorskip("fsspec")
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    root = f"memory://{tmp_path.name}" if place == "memory" else str(tmp_path / "all")
    rng = np.random.default_rng(4)
    for part in range(2):
        rows = []
        for k in range(10):
            pixels = rng.integers(0, 60 if k % 2 else 255, (80, 64), np.uint8)
            with storage.replacing(f"{root}/in/{part}{k}.png") as path:
                path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
            rows.append(dict(path=f"{part}{k}.png", label=1 - k % 2))
        shards.write_rows(f"{root}/in/part-{part}.{kind}", ("path", "label"), rows)
    found = predicted(f"{root}/in", model, f"{root}/out", "--rows", "6", "--format",
                      kind)
    assert [row["error"] for row in found] == [""] * 20
    # Shards, states and records; plan and key.
    assert len(storage.names(f"{root}/out")) == 3 * 4 + 2
    described = streamed.describe(f"{root}/out", runs=50)
    assert [described[name] for name in ("rows", "positive", "failed")] == [20, 10, 0]
    assert described["auc"] == 1


@pytest.mark.slow
def test_a_killed_dask_worker_with_a_real_network_scores_each_image_once(tmp_path):
    options = config.ModelOptions(
        backbone="yaroslav", heatmap=True, convolutional=False, shortcut=True,
        dense_units=16, heatmap_pool=(3, 3), heatmap_max_pool=(1, 1))
    network = models.whole_image_classifier(
        models.patch_classifier("yaroslav", 5), options, size=(256, 192))
    images = config.ImageOptions(size=(256, 192), intensity_scale=0.003891, channels=1)
    checkpoints.save_model(network, tmp_path / "best.h5", dict(
        kind="whole_image", classes=["neg", "pos"], images=config.to_dict(images)))
    rng = np.random.default_rng(5)
    for k in range(60):
        cv2.imwrite(str(tmp_path / f"image-{k}.png"),
                    rng.integers(0, 65535, (64, 48), np.uint16))
    test_shards.write_manifest(tmp_path / "in.csv", 60)
    command = ["predict", str(tmp_path / "in.csv"), "--models",
               str(tmp_path / "best.h5"), "--out", str(tmp_path / "out"), "--rows", "4"]
    with dask_cluster.running(tmp_path, TF_NUM_INTRAOP_THREADS="1") as (
            address, started):
        counts = dask_cluster.with_a_kill(program._shards(
            program.parser().parse_args([*command, "--scheduler", address])), started)
    assert sum(counts) == 60
    with open(tmp_path / "in.csv", newline="") as stream:
        wanted = [str(tmp_path / row["path"]) for row in csv.DictReader(stream)]
    found = list(shards.read_rows(tmp_path / "out"))
    assert [row["path"] for row in found] == wanted
    expected = prediction.predict(
        checkpoints.load_classifier(tmp_path / "best.h5"), wanted[:8])[:, 1]
    np.testing.assert_allclose(
        [float(row["score"]) for row in found[:8]], expected, atol=1e-6)
    assert not any(row["error"] for row in found)


def test_fast_scores_are_near_those_of_keras_and_a_work_of_their_own(
        study, model, tmp_path):
    pytest.importorskip("openvino", reason="needs the extra fast (openvino)")
    plain = predicted(study, model, tmp_path / "plain")
    quick = predicted(study, model, tmp_path / "quick", "--fast")
    np.testing.assert_allclose([float(row["score"]) for row in quick],
                               [float(row["score"]) for row in plain], atol=1e-3)
    with pytest.raises(files.InputError, match="another settings"):
        predicted(study, model, tmp_path / "quick")


def beside(monkeypatch, digest, classifier="the converted one"):
    """A converted network of a digest lies beside every model."""
    monkeypatch.setattr(work.stored_networks, "find", lambda model, outputs: (
        types.SimpleNamespace(digest=lambda: digest, classifier=lambda: classifier)))


def test_a_converted_network_beside_the_model_scores_in_its_place(model, monkeypatch):
    classifier = types.SimpleNamespace(classes=("neg", "pos"), model=None)
    beside(monkeypatch, "12ab", classifier)
    loading = work.Loading(fast=True, eight_bits=("12ab",))
    assert work.classifiers((str(model),), loading) == [classifier]
    assert work.classifiers((str(model),))[0].model is not None


def test_a_worker_with_another_network_in_eight_bits_is_refused(model, monkeypatch):
    for here, there in ("12ab", "34cd"), ("12ab", None), (None, "12ab"):
        beside(monkeypatch, here)
        with pytest.raises(files.InputError, match="eight bits .* is another here"):
            work.classifiers(
                (str(model),), work.Loading(fast=True, eight_bits=(there,)))


def test_the_network_in_eight_bits_is_a_setting_of_the_archive(
        study, model, monkeypatch, tmp_path):
    beside(monkeypatch, "12ab")
    monkeypatch.setattr(work.engines, "check", lambda: None)
    arguments = ["predict", str(study), "--models", str(model), "--out", str(tmp_path)]
    plain, fast = (work.predicting(program.parser().parse_args(arguments + more))
                   for more in ([], ["--fast"]))
    assert fast.settings == plain.settings | dict(fast=True, eight_bits=["12ab"])
    assert not {"fast", "eight_bits", "refuse_unfit"} & set(plain.settings)
    refusing = work.predicting(program.parser().parse_args(
        [*arguments, "--refuse-unfit"]))
    assert refusing.settings == plain.settings | dict(refuse_unfit=True)


def test_what_was_typed_of_the_outputs_is_a_setting_of_the_archive(
        study, model, tmp_path):
    arguments = ["predict", str(study), "--models", str(model), "--out", str(tmp_path)]
    plain, typed = (work.predicting(program.parser().parse_args(arguments + more))
                    for more in ([], ["--class-list", "pos", "neg", "--flips"]))
    assert typed.settings == plain.settings | dict(
        flips=True, outputs=[["pos", "neg"], "probabilities"])
    assert plain.settings.keys() == {
        "task", "models", "flips", "keep_ids", "pseudonym_key"}


def test_workers_are_given_all_that_is_typed_by_names_that_hold_everywhere(
        study, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_text("ab" * 32)
    (tmp_path / "key").chmod(0o600)
    words = ["in.csv", "--out", "out", "--pseudonym-key", "key"]
    key = b"ab" * 32
    predicting, preparing = (program.parser().parse_args([task, *words, *more])
                             for task, more in (
        ("predict", ["--models", str(model), "--flips", "--batch-size", "3",
                     "--refuse-unfit", "--keep-ids", "--output", "logits"]),
        ("prepare", ["--size", "64", "48", "--keep-ids"])))
    outputs = work.model_flags.OutputOptions(kind="logits")
    made = work.predicting(predicting)
    assert made.function.func is work.score_rows and made.function.keywords == dict(
        table=str(tmp_path / "in.csv"), models=(str(model),), flips=True, batch_size=3,
        loading=work.Loading(False, outputs, key, True, (None,)), refuse_unfit=True)
    assert (made.columns, made.sources, made.records, made.outputs) == (
        work.SCORED, True, True, False)
    assert made.settings == dict(
        task="predict", models=[files.sha256(model)], flips=True, keep_ids=True,
        outputs=[[], "logits"], refuse_unfit=True)
    made = work.preparing(preparing)
    assert made.function.func is work.convert_rows and made.function.keywords == dict(
        table=str(tmp_path / "in.csv"), out=str(tmp_path / "out" / "images"),
        size=(64, 48), loading=work.Loading(key=key, keep_ids=True))
    assert (made.columns, made.sources, made.records, made.outputs) == (
        work.PREPARED, True, True, True)
    assert made.settings == dict(task="prepare", size=[64, 48], keep_ids=True)
    assert not (tmp_path / "out").exists()


def test_a_model_of_other_classes_scores_no_archive(model, monkeypatch):
    asked = []
    monkeypatch.setattr(work.stored_networks, "load", lambda path, *words, **how: (
        asked.append((*words, how)) or types.SimpleNamespace(classes=("calc", "mass"))))
    outputs = work.model_flags.OutputOptions(kind="logits")
    with pytest.raises(files.InputError) as caught:
        work.classifiers((str(model),), work.Loading(outputs=outputs))
    assert asked == [(None, dict(output_options=outputs))]
    assert str(caught.value) == (
        f"model {model} tells apart calc, mass; expected neg and pos. Give a model of "
        "whole images.")


@pytest.mark.parametrize(("heights", "sizes"), [
    ((None, None), [2, 2, 1]), ((None, 96), [1] * 5)])
def test_images_of_a_height_alone_are_scored_one_by_one(monkeypatch, heights, sizes):
    monkeypatch.setattr(work, "classifiers", lambda *_: [
        types.SimpleNamespace(images=types.SimpleNamespace(height=height))
        for height in heights])
    monkeypatch.setattr(work, "_score_batch", lambda rows, *_: [len(rows)])
    assert work.score_rows([dict(path=f"{k}.png") for k in range(5)], table="in.csv",
                           models=("m.h5",), flips=False, batch_size=2) == sizes


def test_without_openvino_nothing_is_begun(study, model, tmp_path, monkeypatch):
    def missing():
        raise files.InputError("OpenVINO is missing")
    monkeypatch.setattr(work.engines, "check", missing)
    with pytest.raises(files.InputError, match="OpenVINO is missing"):
        predicted(study, model, tmp_path / "out", "--fast")
    assert not list(tmp_path.glob("out/part*"))


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path):
    path, row = tmp_path / "a.png", {}
    path.write_text("first")
    with work._recorded(row, str(path)):
        pass
    ((source, state),) = row[shards.SOURCES]
    assert source == str(path) and state["sha256"] == files.sha256(path)
    with pytest.raises(files.InputError, match="a.png"), \
            work._recorded(row, str(path)):
        path.write_text("longer than before")


def test_prepared_values_end_at_16_bits(tmp_path):
    ramp = np.tile(np.array([0, 1, 26214, 26215, 65535], np.uint16)[:, None], (1, 4))
    dicom_writer.write(tmp_path / "a.dcm", ramp, BitsStored=16, HighBit=15,
                       RescaleSlope="2.5", RescaleIntercept="0.75")
    row, = work.convert_rows([dict(path="a.dcm")], table=str(tmp_path / "in.csv"),
                             out=str(tmp_path / "out"), size=ramp.shape)
    made = cv2.imread(row["path"], cv2.IMREAD_UNCHANGED)
    assert made[:, 2].tolist() == [0, 3, 65535, 65535, 65535]


@pytest.mark.parametrize("url", [False, True])
def test_the_key_of_an_archive_is_readable_by_its_owner_alone(
        tmp_path, monkeypatch, url):
    if url:
        # What lies behind a URL has no mode, but the file that is uploaded has.
        monkeypatch.setattr(storage, "is_url", lambda path: True)
        monkeypatch.setattr(storage, "exists", os.path.exists)
        monkeypatch.setattr(storage, "replacing", files.replacing)
    before = os.umask(0)
    try:
        key = work.pseudonym_key(str(tmp_path))
    finally:
        os.umask(before)
    path = tmp_path / "pseudonyms.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text() == f'{{"key": "{key.hex()}"}}'
    if not url:
        assert work.pseudonym_key(str(tmp_path)) == key


def test_a_score_that_is_no_number_is_an_error_of_its_row(monkeypatch):
    monkeypatch.setattr(work, "_prepared", lambda manifest, row, *_: (0,))
    monkeypatch.setattr(work.prediction, "predict_inputs", lambda *_, **__: np.array(
        [[[0.25, 0.75]], [[np.nan, np.nan]]]))
    classifier = types.SimpleNamespace(model=None, classes=("neg", "pos"))
    rows = work._score_batch([({}, dict(path=name)) for name in "ab"], [classifier],
                             False, None)
    assert float(rows[0]["score"]) == 0.75 and "error" not in rows[0]
    assert "score" not in rows[1] and "b" in rows[1]["error"]
    assert rows[1][shards.RECORD] == ""


def test_a_shard_whose_image_was_replaced_is_scored_anew_and_no_other(
        study, model, tmp_path):
    out = tmp_path / "out"
    before = predicted(study, model, out, "--rows", "1")
    for path in out.glob("part-*.csv"):
        os.utime(path, (1_000_000, 1_000_000))
    other = dicom_writer.write(
        tmp_path / "other", np.tile(np.arange(80, dtype=np.uint16)[:, None], (1, 64)),
        PatientID="woman-2", ImageLaterality="L", ViewPosition="CC")
    os.utime(other, (1_000_000, 1_000_000))
    shutil.copy2(other, tmp_path / "b.dcm")
    os.utime(tmp_path / "c.dcm")  # the content is as it was
    after = predicted(study, model, out, "--rows", "1")
    assert [a["score"] != b["score"] for a, b in zip(before, after, strict=True)] == [
        False, True, False]
    assert [path.stat().st_mtime == 1_000_000
            for path in sorted(out.glob("part-*.csv"))] == [True, False, True]


def test_shards_without_a_record_and_images_that_came_later_are_scored(
        study, model, tmp_path):
    out = tmp_path / "out"
    (tmp_path / "b.dcm").rename(tmp_path / "gone")
    (tmp_path / "c.dcm").rename(tmp_path / "c")
    assert [bool(row["error"]) for row in predicted(
        study, model, out, "--rows", "1")] == [False, True, True]
    (tmp_path / "gone").rename(tmp_path / "b.dcm")
    (out / "part-000000.files.json").unlink()
    (out / "part-000000.csv").write_text("spoilt")
    (out / "part-000001.files.json").write_text('[["a", {"size": 1}]]')
    assert [bool(row["error"]) for row in predicted(
        study, model, out, "--rows", "1")] == [False, False, True]


def test_with_one_key_file_archives_and_score_files_name_a_woman_alike(
        study, model, tmp_path):
    key = ["--pseudonym-key", str(tmp_path / "key")]
    first, second = (predicted(study, model, tmp_path / name, *key) for name in "xy")
    assert first == second
    predict.main([str(model), str(tmp_path / "a.dcm"), "--out",
                  str(tmp_path / "s.csv"), *key])
    row, = files.read_csv(tmp_path / "s.csv")
    assert row["patient"] == first[0]["patient"]
    assert not (tmp_path / "x" / "pseudonyms.json").exists()
    with pytest.raises(files.InputError, match="another settings"):
        predicted(study, model, tmp_path / "x")


def test_a_second_call_on_an_archive_that_is_being_written_is_refused(
        study, model, tmp_path):
    hold = ("import sys; from end2end.utils import locks\n"
            "with locks.output_folder(sys.argv[1]): print(1, flush=True); input()")
    first = subprocess.Popen([sys.executable, "-c", hold, str(tmp_path / "out")],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    first.stdout.readline()
    with pytest.raises(files.InputError, match="another call"):
        predicted(study, model, tmp_path / "out")
    first.communicate(b"\n")
    assert len(predicted(study, model, tmp_path / "out")) == 3


def test_a_column_that_is_not_understood_is_named_once(tmp_path, caplog):
    table = tmp_path / "in.csv"
    table.write_text("file_name,left_or_right_breast,shoe_size\na.png,LEFT,41\n"
                     "b.png,RIGHT,38\n")
    work.check_manifest(str(table))
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 1 and "left aside: shoe_size. Understood are" in messages[0]


def test_a_manifest_of_known_columns_is_passed_without_a_word(tmp_path, caplog):
    table = tmp_path / "in.csv"
    table.write_text("file_name,left_or_right_breast\na.png,LEFT\n")
    work.check_manifest(str(table))
    assert not caplog.records


@pytest.mark.parametrize("text", ["2", "maybe"])
def test_an_unknown_label_of_a_manifest_is_refused_with_its_row(text):
    row = dict(path="a/b.png", label=text)
    with pytest.raises(files.InputError, match=(
            f"manifest in.csv, the row of a/b.png: unknown label '{text}'; expected")):
        work.known(row, "in.csv")
    assert work.known(row | dict(label=""), "in.csv")[1]["label"] == ""
    assert work.known(row | dict(label="cancer"), "in.csv")[1]["label"] == "cancer"


def test_an_image_behind_a_url_is_read_from_a_copy_under_its_own_name(monkeypatch):
    asked, url = [], "s3://b/P_1_LEFT_CC.png"
    shown = work.identity.Identity(url, patient="P_1", laterality="L", view="CC")

    @contextlib.contextmanager
    def local(path):
        yield f"copy of {path}"

    monkeypatch.setattr(work.storage, "local", local)
    monkeypatch.setattr(work.images, "read", lambda path, **how: (
        asked.append((path, how)) or types.SimpleNamespace(identity=shown)))
    monkeypatch.setattr(work.belonging, "content", lambda image, path: f"of {path}")
    row, loading = dict(path=url), work.Loading(keep_ids=True)
    with work._read(dict(view="CC"), row, loading):
        assert asked == [(f"copy of {url}", dict(
            manifest=dict(view="CC"), known_as=url))]
    kept = work.sealed.unseal(row[shards.RECORD], loading.key)
    assert kept["image"]["content"] == f"of copy of {url}"
