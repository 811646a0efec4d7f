"""Going on with earlier predictions: same settings, same pseudonyms, same files."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import types

import cv2
import dicom_writer
import pytest
import tiny_classifier

from end2end import predict as program
from end2end.prediction import grouping, resuming
from end2end.utils import files
from tests.prediction import test_outputs


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_classifier.save(tmp_path_factory.mktemp("model") / "best.h5")


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), tiny_classifier.picture(1))
    return path


@pytest.mark.parametrize("flags, words", [
    (("--rescale-factor", "0.01"), "with another --rescale-factor"),
    (("--frame", "1"), "with another --frame"),
    (("--keep-ids",), "with the other choice of --keep-ids")])
def test_rows_of_other_settings_are_not_mixed(tmp_path, model, picture, flags, words):
    call = [str(model), str(picture), "--out", str(tmp_path / "s.csv")]
    assert program.main(call) == 0
    with pytest.raises(files.InputError, match=words):
        program.main([*call, *flags])


def test_rows_of_float32_are_not_continued_in_eight_bits(
        tmp_path, model, picture, monkeypatch):
    call = [str(model), str(picture), "--out", str(tmp_path / "s.csv")]
    assert program.main(call) == 0
    stored = types.SimpleNamespace(digest=lambda: "0f")
    monkeypatch.setattr(program, "converted", lambda *_: [stored])
    with pytest.raises(files.InputError, match="with networks in other numbers"):
        program.main(call)


def test_a_model_trained_anew_does_not_go_on_with_the_rows_of_the_old(
        tmp_path, picture):
    path = tiny_classifier.save(tmp_path / "best.h5")
    call = [str(path), str(picture), "--out", str(tmp_path / "s.csv")]
    assert program.main(call) == 0
    tiny_classifier.save(path, seed=4)
    with pytest.raises(files.InputError, match="with another model"):
        program.main(call)


def test_rows_that_nobody_knows_the_settings_of_are_not_continued(
        tmp_path, model, picture):
    call = [str(model), str(picture), "--out", str(tmp_path / "s.csv")]
    program.main(call)
    (tmp_path / "s.run.json").unlink()
    with pytest.raises(files.InputError, match="s.run.json"):
        program.main(call)


def test_a_patient_of_two_calls_keeps_one_pseudonym_and_no_number_is_written(
        tmp_path, model):
    out, folder = tmp_path / "s.csv", tmp_path / "in"
    folder.mkdir()
    for i, patient in enumerate(("woman-77", "woman-88")):
        test_outputs.dicom(folder / f"{i}.dcm", i, PatientID=patient)
    assert program.main([str(model), str(folder), "--out", str(out)]) == 0
    for i, patient in enumerate(("woman-88", "woman-99"), 2):
        test_outputs.dicom(folder / f"{i}.dcm", i, PatientID=patient)
    assert program.main([str(model), str(folder), "--out", str(out)]) == 0
    first, second, again, third = [row["patient"] for row in grouping.read_rows(out)]
    assert again == second and len({first, second, third}) == 3
    record = tmp_path / "s.run.json"
    assert record.stat().st_mode & 0o077 == 0
    for path in tmp_path.glob("s.*"):
        assert "woman" not in path.read_text()


@pytest.mark.parametrize("content", [
    [], dict(key="ab", salt="s"), dict(settings=[], salt="s"),
    dict(settings={}, salt="s", patients=[]), dict(settings={}, salt="s", key="xy"),
    dict(settings={}, key="ab"), dict(settings={}, salt=7, key_fingerprint="f")])
def test_a_record_that_is_damaged_is_refused(tmp_path, content):
    (tmp_path / "s.run.json").write_text(json.dumps(content))
    with pytest.raises(files.InputError) as caught:
        resuming.Record(tmp_path / "s.csv", {}, rows=True)
    assert str(caught.value) == (
        f"{tmp_path / 's.run.json'} is no record of predictions; choose another --out.")


# Pseudonyms of a record -------------------------------------------------------------

CALL = dict(models=[], images={}, frame=None, flips=False, keep_ids=False)


def test_with_a_key_file_two_score_files_name_a_woman_alike_and_hold_no_key(tmp_path):
    key = tmp_path / "key"
    records = [resuming.Record(tmp_path / name, CALL, rows=False, key_file=key)
               for name in ("a.csv", "b.csv")]
    assert records[0]("4711") == records[1]("4711") != records[0]("4712")
    text = key.read_text().strip()
    assert text not in (tmp_path / "a.run.json").read_text()
    alone = [resuming.Record(tmp_path / name, CALL, rows=False)
             for name in ("c.csv", "d.csv")]
    assert alone[0]("4711") != alone[1]("4711")


@pytest.mark.parametrize(("first", "second", "words"), [
    ("key", None, "with --pseudonym-key; give the same"),
    ("key", "other", "with another --pseudonym-key"),
    (None, "key", "without --pseudonym-key")])
def test_a_score_file_keeps_its_key(tmp_path, first, second, words):
    def record(name, rows):
        return resuming.Record(tmp_path / "a.csv", CALL, rows=rows,
                               key_file=name and tmp_path / name)
    name = record(first, False)("4711")
    with pytest.raises(files.InputError, match=words):
        record(second, True)
    assert record(first, True)("4711") == name


def test_a_record_of_version_0_1_keeps_its_numbers_and_new_women_get_none(tmp_path):
    digest = resuming.hashlib.scrypt(
        b"4711", salt=b"salt", dklen=16, **resuming.pseudonyms.SCRYPT).hex()
    (tmp_path / "a.run.json").write_text(json.dumps(
        dict(settings=CALL, salt="salt", patients={digest: 7})))
    for _ in range(2):
        record = resuming.Record(tmp_path / "a.csv", CALL, rows=True)
        assert record("4711") == "patient 007"
        assert len(record("4712")) == len("patient ") + 10
    with pytest.raises(files.InputError, match="without --pseudonym-key"):
        resuming.Record(tmp_path / "a.csv", CALL, rows=True, key_file=tmp_path / "key")
    kept = CALL | dict(keep_ids=True)
    (tmp_path / "a.run.json").write_text(json.dumps(
        dict(settings=kept, salt="salt", patients={digest: 7})))
    record = resuming.Record(tmp_path / "a.csv", kept, rows=True)
    assert (record("4711"), record("")) == ("4711", "")


# Files that were replaced -----------------------------------------------------------


def rows_of(tmp_path):
    return resuming.Rows(tmp_path / "s.csv", ("path", "flips", "score"), "False")


def add(rows, *paths):
    with rows.appending() as append:
        for path in paths:
            append(dict(path=path, flips="False", score=0.5),
                   resuming.state(path))


def written(path, text, seconds=1_000_000):
    path.write_text(text)
    os.utime(path, (seconds, seconds))
    return str(path)


def test_a_file_replaced_by_one_of_its_size_and_time_is_stale(tmp_path):
    path, same = (written(tmp_path / name, "first") for name in "ab")
    add(rows_of(tmp_path), path, same)
    written(tmp_path / "other", "other")
    shutil.copy2(tmp_path / "other", path)
    assert os.stat(path).st_mtime == 1_000_000
    rows = rows_of(tmp_path)
    stale = rows.stale({path, same})
    assert stale.changed == stale.all == {path}
    assert "1 images changed since" in stale.lines()[0]
    rows.remove(stale.all)
    assert rows_of(tmp_path).paths == {same}


def test_a_file_that_only_has_another_time_is_read_once_more_and_keeps_its_row(
        tmp_path, monkeypatch):
    path = written(tmp_path / "a", "first")
    add(rows_of(tmp_path), path)
    monkeypatch.setattr(resuming, "TICK", -10**18)  # any time can tell
    scored = rows_of(tmp_path).scored_ns()
    os.utime(path, (2_000_000, 2_000_000))
    assert not rows_of(tmp_path).stale({path}).all
    monkeypatch.setattr(resuming.files, "sha256", None)  # is not called again
    rows = rows_of(tmp_path)
    assert not rows.stale({path}).all and rows.scored_ns() == scored


def test_a_change_within_a_tick_of_the_clock_is_seen_by_the_content(tmp_path):
    path = written(tmp_path / "a", "first")
    rows = rows_of(tmp_path)
    before = resuming.state(path)
    same_status = os.stat(path)
    assert before.is_of(same_status) is None
    with rows.appending() as append:
        append(dict(path=path, flips="False", score=1), resuming.dataclasses.replace(
            before, sha256="that of other content"))
    assert rows_of(tmp_path).stale({path}).changed == {path}


def test_rows_without_a_record_are_scored_again_and_those_of_gone_files_stay(tmp_path):
    path, gone = written(tmp_path / "a", "first"), str(tmp_path / "gone")
    (tmp_path / "s.csv").write_text(
        f"path,flips,score\n{path},False,0.5\n{gone},False,0.5\n")
    stale = rows_of(tmp_path).stale({path, gone})
    assert stale.unrecorded == stale.all == {path} and stale.gone == {gone}
    assert len(stale.lines()) == 2
    assert not rows_of(tmp_path).stale(set()).all


def test_a_changed_image_that_this_call_does_not_name_loses_its_row(
        tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "a", "first")
    add(rows_of(tmp_path), "a")
    written(tmp_path / "a", "other")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    stale = rows_of(tmp_path).stale(set())
    assert stale.others == {"a"} and not stale.gone
    # A file that the call names is the one that lies where the call was made.
    assert rows_of(tmp_path).stale({"a"}).gone == {"a"}
    written(tmp_path / "elsewhere/a", "other")
    os.remove(tmp_path / "a")
    stale = rows_of(tmp_path).stale({"a"})
    assert stale.changed == {"a"} and not stale.gone


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path):
    path = written(tmp_path / "a", "first")
    before = resuming.state(path)
    resuming.check_unchanged(path, before)
    written(tmp_path / "a", "other")
    with pytest.raises(files.InputError, match="changed after it was read"):
        resuming.check_unchanged(path, before)


KILLED = """
import os, shutil, signal, sys
from end2end.prediction import resuming
path, other, out = sys.argv[1:]
rows = resuming.Rows(resuming.pathlib.Path(out), ("path", "flips", "score"), "False")
with rows.appending() as append:
    before = resuming.state(path)
    shutil.copy2(other, path)
    if sys.argv[1].endswith("a"):
        append(dict(path=path, flips="False", score=0.5), before)
    else:
        rows_stream = open(out, "a")
        rows_stream.write("half a row")
        rows_stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_file_replaced_before_a_kill_is_scored_again(tmp_path, name):
    path, other = written(tmp_path / name, "first"), written(tmp_path / "o", "other")
    process = subprocess.run([sys.executable, "-c", KILLED, path, other,
                              str(tmp_path / "s.csv")])
    assert process.returncode == -signal.SIGKILL
    rows = rows_of(tmp_path)
    assert rows.stale({path}).changed == rows.paths == (
        {path} if name == "a" else set())


def test_torn_and_damaged_states_do_not_count(tmp_path):
    paths = [written(tmp_path / name, name) for name in "abc"]
    add(rows_of(tmp_path), *paths)
    states = tmp_path / "s.files.jsonl"
    lines = states.read_bytes().splitlines(keepends=True)
    other = lines[0].replace(b'"size": 1', b'"size": "1"')
    assert other != lines[0]
    start = b"[1]\n" + b"[" * 100_000 + b"\n{}\n" + other + lines[1]
    states.write_bytes(start + lines[2][:-9])
    assert set(resuming.states_of(states)) == {paths[1]}
    assert states.read_bytes() == start
    assert rows_of(tmp_path).stale(set(paths)).unrecorded == {paths[0], paths[2]}


def test_a_score_file_that_is_removed_meanwhile_is_noticed(tmp_path):
    path = written(tmp_path / "a", "first")
    with pytest.raises(files.VanishedError, match="was removed"), \
            rows_of(tmp_path).appending() as append:
        (tmp_path / "s.csv").unlink()
        append(dict(path=path, flips="False", score=0.5), resuming.state(path))


def test_a_picture_that_is_replaced_with_its_time_is_scored_anew(
        tmp_path, model, picture, capsys):
    other = tmp_path / "other"
    cv2.imwrite(str(tmp_path / "b.png"), tiny_classifier.picture(2))
    shutil.copy2(tmp_path / "b.png", other)
    call = [str(model), str(picture), "--out", str(tmp_path / "s.csv"),
            "--overlay", str(tmp_path / "pictures")]
    program.main(call)
    before, = grouping.read_rows(tmp_path / "s.csv")
    shown = (tmp_path / "pictures" / "a.saliency.png").read_bytes()
    shutil.copy2(other, picture)
    capsys.readouterr()
    assert program.main(call) == 0
    assert "1 images changed since" in capsys.readouterr().out
    after, = grouping.read_rows(tmp_path / "s.csv")
    program.main([str(model), str(tmp_path / "b.png"), "--out",
                  str(tmp_path / "t.csv")])
    fresh, = grouping.read_rows(tmp_path / "t.csv")
    assert after["score"] == fresh["score"] != before["score"]
    assert (tmp_path / "pictures" / "a.saliency.png").read_bytes() != shown
    program.main(call)
    assert "1 image, 0 to score" in capsys.readouterr().out


# What images are like ---------------------------------------------------------------


def test_an_even_image_is_scored_with_a_flag_on_the_terminal(tmp_path, model, capsys):
    path = dicom_writer.write(tmp_path / "even.dcm", tiny_classifier.picture(1) * 0 + 9)
    assert program.main([str(model), str(path), "--out", str(tmp_path / "s.csv")]) == 0
    row, = grouping.read_rows(tmp_path / "s.csv")
    assert "do not use the score: the picture has a single grey value" in row["flags"]
    assert "1 of 1 image may not fit the model" in capsys.readouterr().out


def test_an_image_beyond_the_training_images_is_flagged_with_the_remedy(tmp_path):
    from end2end import checkpoints
    from end2end.images import fit
    plain = tiny_classifier.save(tmp_path / "plain.h5")
    options = checkpoints.load_classifier(plain).images
    statistics = fit.input_statistics(
        [tiny_classifier.picture(i) for i in range(10)], options)
    model = tiny_classifier.save(tmp_path / "best.h5", input_statistics=statistics)
    cv2.imwrite(str(tmp_path / "usual.png"), tiny_classifier.picture(3))
    cv2.imwrite(str(tmp_path / "dark.png"), tiny_classifier.picture(3) // 16)
    out = tmp_path / "s.csv"
    words = [str(model), str(tmp_path / "usual.png"), str(tmp_path / "dark.png")]
    assert program.main([*words, "--out", str(out)]) == 0
    usual, dark = grouping.read_rows(out)
    assert usual["flags"] == "" and "--rescale-factor auto" in dark["flags"]
    again = tmp_path / "auto.csv"
    program.main([*words, "--rescale-factor", "auto", "--out", str(again)])
    assert grouping.read_rows(again)[1]["flags"] == ""


def test_what_determines_the_rows_are_contents_and_what_differs_from_the_default(
        tmp_path):
    for name in ("a.h5", "a.config.json", "b.keras"):
        (tmp_path / name).write_text(name)
    models = [tmp_path / "a.h5", tmp_path / "b.keras"]
    sums = [[hashlib.sha256(name.encode()).hexdigest() for name in names]
            for names in (["a.h5", "a.config.json"], ["b.keras"])]
    words = ["a.h5", "x", "--out", "s.csv"]
    plain = dict(models=sums, images=dict(size=[48, 36], equalize=True), frame=None,
                 flips=False, keep_ids=False, outputs=None, refuse_unfit=None,
                 eight_bits=None)
    assert resuming.settings(
        models, program.parser().parse_args(words), dict(size=(48, 36), equalize=True),
        [None, None]) == plain
    assert resuming.settings(
        models[1:], program.parser().parse_args(
            [*words, "--refuse-unfit", "--frame", "2", "--flips", "--keep-ids",
             "--output", "logits"]), {}, [None, "0f"]) == dict(
        models=sums[1:], images={}, frame=2, flips=True, keep_ids=True,
        outputs=[[], "logits"], refuse_unfit=True, eight_bits=[None, "0f"])


@pytest.mark.parametrize("name", resuming.SENTENCES)
def test_each_setting_that_differs_is_told_and_equal_ones_go_on(tmp_path, name):
    call = dict(models=[["a"]], images=dict(size=[48, 36]), frame=None, flips=False,
                outputs=None, refuse_unfit=None, keep_ids=False)
    resuming.Record(tmp_path / "a.csv", call, rows=False)
    resuming.Record(tmp_path / "a.csv", json.loads(json.dumps(call)), rows=True)
    with pytest.raises(files.InputError) as error:
        resuming.Record(tmp_path / "a.csv", call | {name: "other"}, rows=True)
    assert f"was written {resuming.SENTENCES[name]}; choose" in str(error.value)
    # Without rows nothing has to fit.
    resuming.Record(tmp_path / "a.csv", call | {name: "other"}, rows=False)


@pytest.mark.parametrize("flips", [
    ["True"], ["False", "True"], ["False", "False", "True"], ["False", ""]])
def test_a_score_file_of_other_or_mixed_flips_is_not_continued(tmp_path, flips):
    out = tmp_path / "s.csv"
    lines = [f"{number}.png,{value},0.5\n" for number, value in enumerate(flips)]
    out.write_text("path,flips,score\n" + "".join(lines))
    with pytest.raises(files.InputError, match="with other models or flips"):
        rows_of(tmp_path)
    out.write_text("path,flips,score\n" + "".join(lines).replace(
        "True", "False").replace(",,", ",False,"))
    assert len(rows_of(tmp_path).paths) == len(flips)


@pytest.mark.parametrize("text", [
    "path,score,flips\na,0.5,False\n", "path,flips,score,more\na,False,1,2\n",
    "path,flips,score\na\n"])
def test_a_score_file_of_other_columns_is_not_continued(tmp_path, text):
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(files.InputError, match="with other models or flips"):
        rows_of(tmp_path)


@pytest.mark.parametrize(("data", "reason"), [
    (b"\xff\xfep\0\n", "'utf-8' codec can't decode byte 0xff in position 0: invalid"),
    (b"path,flips\na" + b"a" * 200_000 + b",False\n", "field larger than field limit")])
def test_what_is_no_table_of_scores_is_not_continued(tmp_path, data, reason):
    (tmp_path / "s.csv").write_bytes(data)
    with pytest.raises(files.InputError) as caught:
        rows_of(tmp_path)
    assert str(caught.value).startswith(
        f"{tmp_path / 's.csv'} is there, but no table of scores ({reason}")
    assert str(caught.value).endswith("); choose another --out.")


def test_a_row_that_was_not_written_to_its_end_is_cut_off(tmp_path):
    out = tmp_path / "s.csv"
    out.write_text("path,flips,score\na.png,False,0.5\nb.png,False,0.")
    assert rows_of(tmp_path).paths == {"a.png"}
    assert out.read_text().endswith("a.png,False,0.5\n")


def test_rows_of_lost_and_of_unnamed_files_are_told_apart(tmp_path):
    kept, lost, changed, foreign = (
        written(tmp_path / name, "first") for name in ("a", "b", "c", "d"))
    add(rows_of(tmp_path), kept, lost, changed, foreign)
    with open(tmp_path / "s.csv", "a") as stream:
        stream.write(f"{written(tmp_path / 'e', 'x')},False,0.5\n")
    os.remove(lost)
    for path in (changed, foreign):
        written(tmp_path / path, "longer than before")
    stale = rows_of(tmp_path).stale({kept, lost, changed, str(tmp_path / "e")})
    assert stale == resuming.Stale(
        changed=frozenset([changed]), unrecorded=frozenset([str(tmp_path / "e")]),
        others=frozenset([foreign]), gone=frozenset([lost]))
    assert stale.all == {changed, foreign, str(tmp_path / "e")}
    assert stale.lines() == [
        "1 images changed since; they are scored again",
        "1 rows do not say which content of their file they are of; these images are "
        "scored again",
        "1 rows were removed: their images changed since, and this call does not name "
        "them",
        "1 rows are of files that are no longer there; they stay"]
    rows = rows_of(tmp_path)
    rows.remove(stale.all)
    assert rows.paths == {kept, lost} == rows_of(tmp_path).paths
    assert rows.changed_since([kept, lost, changed]) == [changed]


@pytest.mark.parametrize(("before", "expected"), [(1, True), (0, None), (-1, None)])
def test_a_time_within_a_tick_of_the_reading_cannot_tell(before, expected):
    changed, read = 10**12 - before, 10**12 + resuming.TICK
    state = resuming.FileState("a", 3, 5, changed, 7, read, 1, "0f")
    status = types.SimpleNamespace(
        st_size=3, st_mtime_ns=5, st_ctime_ns=changed, st_ino=7)
    assert state.is_of(status) is expected
    for name in vars(status):
        other = types.SimpleNamespace(**vars(status) | {name: 0})
        assert state.is_of(other) is False


def test_rows_and_settings_are_written_in_plain_lines(tmp_path):
    paths = [written(tmp_path / name, name) for name in "abc"]
    rows = rows_of(tmp_path)
    add(rows, *paths)
    assert (tmp_path / "s.csv").read_bytes().decode() == "path,flips,score\n" + "".join(
        f"{path},False,0.5\n" for path in paths)
    rows.remove({paths[1]})
    rows.remove(set())
    assert (tmp_path / "s.csv").read_bytes().decode() == (
        f"path,flips,score\n{paths[0]},False,0.5\n{paths[2]},False,0.5\n")
    resuming.Record(tmp_path / "s.csv", CALL, rows=False)
    text = (tmp_path / "s.run.json").read_text()
    assert text == json.dumps(json.loads(text), indent=2) + "\n"


@pytest.mark.parametrize(("name", "words"), [
    ("a\nb.png", "has a name that is no text"),
    ("pipe", "image .*pipe is a pipe or a")])
def test_what_is_no_file_of_an_image_has_no_state(tmp_path, name, words):
    os.mkfifo(tmp_path / name)
    with pytest.raises(files.InputError, match=words):
        resuming.state(tmp_path / name)
