"""The program of archives: prepared images, manifests, and scores as elsewhere."""

import contextlib
import hashlib
import shutil

import bars
import cv2
import dicom_writer
import numpy as np
import pytest
import recorded
import saved_models
import tiny_classifier

from end2end.archive import __main__ as program
from end2end.archive import shards
from end2end.archive import work as archive_work
from end2end.utils import files
from tests.data.patches import test_sampling


def test_preparing_writes_16_bit_images_and_names_the_unreadable(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((80, 60), 255, np.uint8))
    shards.write_rows(tmp_path / "in.csv", ("path",), [
        dict(path="a.png"), dict(path=tmp_path / "none.png")])
    program.main(["prepare", str(tmp_path / "in.csv"), "--out", str(tmp_path / "out"),
                  "--size", "64", "48"])
    good, bad = shards.read_rows(tmp_path / "out")
    made = cv2.imread(good["path"], cv2.IMREAD_UNCHANGED)
    assert made.shape == (64, 48)
    assert made.dtype == np.uint16
    assert made.min() == 65535
    assert "does not exist" in bad["error"]


@pytest.mark.parametrize("content, reason", [
    ("path,label\n", "has no rows"), ("", "has no rows"),
    ("picture,label\na.png,1\n", "has no path")])
def test_what_is_no_manifest_is_refused_before_anything_is_written(
        tmp_path, content, reason):
    (tmp_path / "in.csv").write_text(content)
    with pytest.raises(files.InputError, match=reason):
        program.main(["prepare", str(tmp_path / "in.csv"),
                      "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("flag", "number"), [
    ("--rows", "0"), ("--workers", "-1"), ("--batch-size", "0")])
def test_numbers_below_one_are_refused_by_their_flag(tmp_path, flag, number):
    with pytest.raises(files.InputError) as caught:
        program.main(["predict", "in.csv", "--models", "m.h5", "--out",
                      str(tmp_path / "out"), flag, number])
    assert str(caught.value) == f"{flag}: expected a number from 1."
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("task", ["prepare", "sample"])
def test_shards_are_made_where_and_as_is_typed(tmp_path, monkeypatch, task):
    called = []
    monkeypatch.setattr(shards.scheduling, "run", lambda function, tasks, **how: (
        called.append((function.keywords, [len(rows) for _, rows in tasks], how))
        or ()))
    shards.write_rows(tmp_path / "in.csv", ("path",), [dict(path="a.png")] * 5)
    words = test_sampling.command(test_sampling.GOLDEN, tmp_path) if (
        task == "sample") else [str(tmp_path / "in.csv")]
    arguments = program.parser().parse_args([
        task, *words, "--out", str(tmp_path / "out"), "--rows", "3", "--format",
        "parquet", "--workers", "2", "--scheduler", "tcp://here"])
    assert list(program._shards(arguments)) == []
    ((keywords, sizes, how),) = called
    assert how == dict(scheduler="tcp://here", workers=2)
    assert (keywords["out"], keywords["suffix"]) == (str(tmp_path / "out"), ".parquet")
    assert set(sizes[:-1]) == {3} and 0 < sizes[-1] <= 3
    assert keywords["work"].sources and keywords["work"].outputs
    plan = files.read_json(tmp_path / "out" / "plan.json")
    expected = shards.table_hash(words[0])
    if task == "sample":
        # Of the lesions and of the patients.
        both = f"{expected}|{shards.bytes_hash(words[2])}"
        expected = hashlib.sha256(both.encode()).hexdigest()
    assert plan["sha256"] == expected


def test_rows_whose_class_nobody_says_are_counted_at_the_end(tmp_path, capsys):
    flag = archive_work.checkpoints.outputs.UNKNOWN_CLASS.format("m.h5")
    shards.write_rows(tmp_path / "a.csv", ("label", "score", "flags"), [
        dict(label="pos", score="0.5", flags=flag), dict(label="neg", score="0.25"),
        dict(label="neg", score="")])
    program.main(["evaluate", str(tmp_path / "a.csv"), "--runs", "5"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:6] == ["rows: 3", "failed: 1", "unlabelled: 0", "positive: 1",
                         "negative: 1", "auc: 1.0"]
    assert lines[7].endswith(" (few: 1 with cancer)")
    assert lines[8:] == [
        "order_unknown: 1", "of these rows nobody says which output of the model is "
        "cancer; if it is the other, the AUC is 1 minus this. Give archive predict "
        "--class-list."]


def test_an_output_without_a_name_is_refused(tmp_path):
    (tmp_path / "in.csv").write_text("path\na.png\n")
    with pytest.raises(files.InputError, match="output folder has no name"):
        program.main(["prepare", str(tmp_path / "in.csv"), "--out", ""])


def test_a_path_that_no_system_takes_is_an_error_of_its_row(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((80, 60), 255, np.uint8))
    (tmp_path / "in.csv").write_bytes(b"path\na\0b.png\na.png\n")
    program.main(["prepare", str(tmp_path / "in.csv"), "--out", str(tmp_path / "out"),
                  "--size", "64", "48"])
    bad, good = shards.read_rows(tmp_path / "out")
    assert "control character in it; rename it" in bad["error"]
    assert good["error"] == ""


@pytest.mark.parametrize("flips", [True, False])
def test_archive_scores_equal_those_of_the_ordinary_path(tmp_path, flips):
    from end2end import checkpoints, prediction

    model, rows = tiny_classifier.save(tmp_path / "m.h5"), []
    for k in range(7):
        path = tmp_path / f"P_{k}_LEFT_CC.png"
        cv2.imwrite(str(path), tiny_classifier.picture(k))
        rows.append(dict(path=path.name))
    scored = archive_work.score_rows(
        rows, table=str(tmp_path / "in.csv"), models=(str(model),),
        flips=flips, batch_size=3)
    scores = [float(row["score"]) for row in scored]
    loaded = checkpoints.load_classifier(model)
    paths = [tmp_path / row["path"] for row in rows]
    same, other = (prediction.predict(loaded, paths, flips=way)[:, 1]
                   for way in (flips, not flips))
    np.testing.assert_allclose(scores, same, rtol=1e-5)
    # The picture and its flips do not score alike, or this would say nothing.
    assert abs(same - other).max() > 100 * abs(scores - same).max()
    assert scored[3]["patient"].endswith("/P_3") and scored[3]["laterality"] == "L"


def manifest(folder):
    """A table of images of three women with a copy, two lines on one image, a file
    that is none and one that is not there; beside it a file that is no table."""
    saved_models.write_images(folder, women=3)
    (folder / "P_7_RIGHT_CC.png").write_bytes(b"no image")
    shutil.copy(folder / "pos" / "P_00001_LEFT_CC.png", folder / "copy.png")
    cv2.imwrite(str(folder / "P_9_RIGHT_MLO.png"), np.full((40, 32), 7, np.uint8))
    dicom_writer.write(folder / "a.dcm", tiny_classifier.picture(2) >> 4,
                       ImageLaterality="R", ViewPosition="ML", PatientID="woman-1",
                       StudyInstanceUID="1.2.3", StudyDate="20200102")
    names = [path.relative_to(folder).as_posix() for kind in ("neg", "pos")
             for path in sorted((folder / kind).iterdir())]
    rows = [*((name, int(name.startswith("pos")), "") for name in names),
            ("P_7_RIGHT_CC.png", 1, ""), ("copy.png", "", ""),
            ("P_9_RIGHT_MLO.png", "malignant", "L"), ("a.dcm", 0, ""),
            (names[0], "", "R"), ("none.png", 0, "")]
    shards.write_rows(folder / "tables" / "in.csv", ("path", "label", "side", "shoe"), [
        dict(path=f"../{path}", label=label, side=side) for path, label, side in rows])
    (folder / "tables" / "notes.txt").write_text("no table")
    return folder / "tables"


def test_all_that_is_said_and_written_of_archives_is_as_recorded(
        tmp_path, capsys):
    (tmp_path / "key").touch(mode=0o600)
    (tmp_path / "key").write_text("12" * 32)
    models = [str(saved_models.whole_image_model(tmp_path / f"{name}.h5", bias=bias))
              for name, bias in (("a", 0.0), ("b", 0.7))]
    table, said = manifest(tmp_path / "in"), []
    for name, words in (
            ("one", ["predict", table, "--models", *models, "--flips", "--rows", "5",
                     "--batch-size", "3"]),
            ("unfit", ["predict", table / "in.csv", "--models", models[1],
                       "--refuse-unfit", "--views", "all", "--keep-ids"]),
            ("png", ["prepare", table, "--size", "48", "36", "--rows", "4"])):
        out = tmp_path / name
        program.main([*map(str, words), "--out", str(out), "--pseudonym-key",
                      str(tmp_path / "key")])
        said += [f"== {name}", capsys.readouterr().out]
        for row in shards.read_rows(str(out)):
            if row.get("source") not in (None, row["path"]):
                pixels = cv2.imread(row["path"], cv2.IMREAD_UNCHANGED)
                mark = hashlib.sha256(row["source"].encode()).hexdigest()[:16]
                # The names hold a mark of the source, whose folder is of this run.
                row["path"] = row["path"].replace(f"/{mark[:2]}/", "/MA/").replace(
                    mark, "MARK") + f" {recorded.picture(pixels)}"
            said.append(str(list(row.values())))
        said += sorted(path.name for path in out.iterdir())
        if name != "png":
            program.main(["evaluate", str(out), "--runs", "40", "--seed", "3"])
            said.append(capsys.readouterr().out)
    recorded.check("archive", "\n".join(said), dict(FOLDER=tmp_path))


def test_leases_are_looked_at_after_every_shard(tmp_path, monkeypatch, capsys):
    looked, shown = [], bars.drawn(monkeypatch)
    made = bars.noted(monkeypatch)

    @contextlib.contextmanager
    def output_folders(folders):
        looked.append(folders)
        yield lambda: looked.append("looked")
    monkeypatch.setattr(program.archive.leases, "output_folders", output_folders)
    monkeypatch.setattr(program, "_shards", lambda arguments: iter([3, 2]))
    monkeypatch.setattr(archive_work, "settle", lambda arguments: ["all is there"])
    out = str(tmp_path / "out")
    program.main(["prepare", "in.csv", "--out", out])
    assert looked == [[out], "looked", "looked"]
    assert made == [(None, " rows", None)] and shown[0].n == 5
    assert capsys.readouterr().out == (
        f"5 rows done in this call; shards are in {out}; what failed says why in the "
        "column error\nall is there\n")


def test_a_size_out_of_range_is_refused(tmp_path):
    shards.write_rows(tmp_path / "in.csv", ("path",), [dict(path="a.png")])
    with pytest.raises(files.InputError, match="--size 31 64 is out of range"):
        program.main(["prepare", str(tmp_path / "in.csv"), "--out",
                      str(tmp_path / "out"), "--size", "31", "64"])
