"""What a run is given: settings refused before any work, batches, signatures."""

import dataclasses
import os
import shutil
import types

import cv2
import deformed
import numpy as np
import pytest
import recorded

from ddsm_train import image_clf_train
from end2end import config
from end2end.data import image_lists
from end2end.training import run_inputs
from end2end.utils import files

IMAGES = config.ImageOptions(size=(8, 6), intensity_scale=0.003891, channels=1)


@pytest.fixture
def folder(tmp_path):
    """Three negative and two positive images, of 8 rows and 6 columns."""
    for name in ("neg/a", "neg/b", "neg/c", "pos/d", "pos/e"):
        path = tmp_path / "set" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        grey = np.random.default_rng(len(name) + ord(name[-1])).integers(
            0, 65535, (8, 6))
        cv2.imwrite(str(path), grey.astype(np.uint16))
    return tmp_path / "set"


def settings(tmp_path, *, images=IMAGES, model=None, **training):
    defaults = dict(best_model=str(tmp_path / "best.h5"), batch_size=4, workers=1)
    return run_inputs.Settings(
        images, model or config.ModelOptions(),
        config.TrainingOptions(**defaults | training))


def listed(folder):
    images = image_lists.list_classes(folder, ("neg", "pos"))
    return {split: images for split in run_inputs.SPLITS}


def test_classes_are_counted_by_name(folder):
    images = image_lists.list_classes(folder, ("pos", "neg", "none"))
    assert run_inputs.class_counts(images) == dict(pos=2, neg=3, none=0)
    assert run_inputs.class_counts(images, at_least=3) == dict(neg=3)


def test_a_set_of_one_class_has_no_auroc_and_is_refused(folder):
    images = image_lists.list_classes(folder, ("neg", "none"))
    with pytest.raises(files.InputError, match="images of the class 'neg' only"):
        run_inputs.check_both_classes(images, "validation")


def test_the_training_batch_is_a_share_of_the_batch():
    assert run_inputs.train_batch_size(config.TrainingOptions(
        batch_size=10, train_batch_multiplier=0.35)) == 3


@pytest.mark.parametrize(("changes", "reason"), [
    (dict(batch_size=1), "gives no training batch"),
    (dict(class_list=("neg", "neg")), "two or more different class names"),
    (dict(class_list=("neg",)), "two or more different class names"),
    (dict(final_model="last.txt"), "should end in .h5"),
    (dict(xla=True), "--no-deterministic"),
    (dict(xla=True, deterministic=False, images=config.ImageOptions(height=64)),
     "images of one size"),
    (dict(resume_from="nowhere.h5"), "nowhere.h5 does not exist")])
def test_settings_that_cannot_work_are_refused(tmp_path, changes, reason):
    with pytest.raises(files.InputError, match=reason):
        run_inputs.check_settings(settings(tmp_path, **changes))


def test_xla_is_allowed_without_repeatability(tmp_path):
    run_inputs.check_settings(settings(
        tmp_path, xla=True, deterministic=False, batch_size=2))


def test_a_text_to_train_further_is_refused_before_anything_is_said(tmp_path):
    (tmp_path / "model.h5").write_text("no model")
    with pytest.raises(files.InputError, match="begins with b'no model' and is no mod"):
        run_inputs.check_settings(
            settings(tmp_path, resume_from=str(tmp_path / "model.h5")))


def test_what_a_killed_process_was_writing_is_removed(tmp_path):
    (tmp_path / f".best.{2**22 + 1}.part.h5").write_text("half")
    (tmp_path / "other.h5").write_text("whole")
    with run_inputs.outputs(settings(tmp_path)):
        assert (tmp_path / ".best.h5.lock").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["other.h5"]


def test_a_whole_image_run_needs_something_to_start_from(tmp_path):
    with pytest.raises(files.InputError, match="no model to start from"):
        run_inputs.check_start(settings(tmp_path))
    run_inputs.check_start(settings(
        tmp_path, model=config.ModelOptions(pretrained=False)))


def test_training_batches_are_drawn_and_others_are_not(folder, tmp_path):
    data = listed(folder)
    train, val = (run_inputs.batches("whole_image", data, split, settings(tmp_path))
                  for split in ("train", "val"))
    assert (train.batch_size, val.batch_size) == (2, 4)
    assert train.batch(0)[2] is not None and val.batch(0)[2] is None
    np.testing.assert_array_equal(val.batch(0)[0], val.batch(2)[0])


def test_whole_images_that_are_not_centred_stay_as_they_are_with_a_warning(
        folder, tmp_path, caplog):
    plain = settings(tmp_path, images=dataclasses.replace(IMAGES, center=False))
    batches = run_inputs.batches("whole_image", listed(folder), "val", plain)
    assert batches.batch(0)[0].min() >= 0
    assert "no ImageNet preprocessing is applied" in caplog.text


@pytest.mark.parametrize(("backbone", "centred"), [
    ("vgg16", True), ("vgg16-bn", True), ("efficientnetb0", False)])
def test_only_a_trunk_that_prepares_images_takes_them_uncentred(
        tmp_path, backbone, centred):
    run = settings(tmp_path, model=config.ModelOptions(backbone=backbone))
    assert run_inputs.with_inputs_of_backbone(run).images.center == centred


@pytest.mark.parametrize("card", ["0.5", "[]", '{"model": 7}', '{"images": [1]}'])
def test_a_damaged_card_of_the_model_to_start_from_is_refused(tmp_path, card):
    start = tmp_path / "start.h5"
    start.with_suffix(".config.json").write_text(card)
    run = settings(tmp_path, resume_from=str(start))
    with pytest.raises(files.InputError, match="model settings .*start.config.json"):
        run_inputs.prepares_images(run)


def test_augmentation_follows_the_options():
    assert run_inputs.augmentation(config.ImageOptions(augment=False)) is None
    generator = run_inputs.augmentation(config.ImageOptions(
        shear=False, shared_shift=True))
    assert generator.shear_range == 0 and generator.shared_channel_shift
    assert run_inputs.augmentation(config.ImageOptions()).shear_range == 0.2


@pytest.mark.parametrize("split", run_inputs.SPLITS)
def test_batches_are_made_with_the_settings_of_their_set(
        folder, tmp_path, monkeypatch, split):
    asked = []
    monkeypatch.setattr(run_inputs.image_batches, "ImageBatches", lambda *arguments,
                        **keywords: asked.append((*arguments, keywords)))
    data = listed(folder)
    for cached in (False, True):
        run = dataclasses.replace(settings(
            tmp_path, images=dataclasses.replace(IMAGES, augment=False), batch_size=10,
            train_batch_multiplier=0.7, seed=5, balance_batches=False, mixup=0.25,
            cache_train=cached, cache_validation=not cached),
            strategy=types.SimpleNamespace(num_replicas_in_sync=3))
        run_inputs.batches("whole_image", data, split, run)
        images, options, keywords = asked.pop()
        assert images is data[split] and options is run.images
        assert keywords == (dict(
            batch_size=21, seed=5, shuffle=True, balance_batches=False, generator=None,
            mixup=0.25, cache=cached) if split == "train" else dict(
                batch_size=10, cache=split == "val" and not cached))


@pytest.mark.parametrize(("keep", "same", "names"), [
    ("last", True, ["train", "test"]), ("best", True, ["train", "val", "test"]),
    ("last", False, ["train", "val", "test"])])
def test_a_validation_set_that_nobody_chooses_by_is_not_looked_at(
        folder, keep, same, names):
    data = listed(folder)
    if not same:
        data["val"] = dataclasses.replace(data["val"], paths=data["val"].paths[:-1])
    options = config.TrainingOptions(keep_epoch=keep)
    assert list(run_inputs.looked_at(data, options)) == names
    assert list(run_inputs.looked_at({"train": data["train"]}, options)) == ["train"]


def test_batches_of_a_backbone_are_prepared_and_shared(folder, tmp_path):
    plain = run_inputs.batches("patch", listed(folder), "val", settings(tmp_path))
    ready = run_inputs.Preprocessed(plain, lambda images: images + 1)
    assert (len(ready), ready.num_images) == (2, 5)
    for prepared, part in ((ready, plain), (ready.shared(lambda count: [count - 1]),
                                            plain.shared(lambda count: [count - 1]))):
        expected = list(part.batches())
        assert len(expected) == 2
        for batch, (images, labels, weights) in zip(
                prepared.batches(), expected, strict=True):
            np.testing.assert_array_equal(batch[0], images + 1)
            np.testing.assert_array_equal(batch[1], labels)
            assert batch[2] is weights is None
        np.testing.assert_array_equal(prepared.batch(0)[0], expected[0][0] + 1)


def test_the_signature_follows_settings_and_files_but_not_the_threads(folder, tmp_path):
    data = listed(folder)

    def signature(**changes):
        return run_inputs.run_signature("patch", data, settings(tmp_path, **changes))

    start = tmp_path / "start.h5"
    start.write_bytes(b"a model")
    first, of_start = signature(), signature(resume_from=str(start))
    for same in (dict(workers=3), dict(tensorboard="logs"),
                 dict(allow_shared_patients=True)):
        assert signature(**same) == first
    assert signature(seed=7) != first
    run = dataclasses.replace(settings(tmp_path), strategy=types.SimpleNamespace(
        num_replicas_in_sync=2))
    assert run_inputs.run_signature("patch", data, run) != first
    assert run_inputs.run_signature("whole_image", data, settings(tmp_path)) != first
    start.write_bytes(b"another model")
    assert signature(resume_from=str(start)) != of_start != first
    partner = dataclasses.replace(data["val"], partner=data["test"])
    assert run_inputs.run_signature(
        "patch", dict(data, val=partner), settings(tmp_path)) != first
    os.utime(folder / "pos" / "d.png", ns=(1, 1))
    assert signature() != first


def test_files_lie_beside_the_best_model_where_there_is_one(tmp_path):
    assert run_inputs.beside("a/best.h5", ".history.csv").as_posix() == (
        "a/best.history.csv")
    assert run_inputs.beside(run_inputs.NOSAVE, ".history.csv") is None


def test_a_finished_run_gives_its_report_and_another_does_not(tmp_path):
    (tmp_path / "best.h5").write_bytes(b"")
    files.write_json(tmp_path / "best.report.json", dict(signature="s", epochs=3))
    messages = []
    run = dataclasses.replace(settings(tmp_path), say=messages.append)
    assert run_inputs.earlier_report("s", run)["epochs"] == 3
    assert "finished before" in messages[0]
    assert run_inputs.earlier_report("t", run) is None


@pytest.fixture
def splits_of_one_woman(tmp_path):
    """Three splits; of the woman P_00001 one breast is in `train`, one in `test`."""
    women = dict(train=(1, 2), val=(3, 4), test=(5, 1))
    for k, (split, pair) in enumerate(women.items()):
        for name, woman in zip(("neg", "pos"), pair, strict=True):
            side = "RIGHT" if split == "test" else "LEFT"
            path = tmp_path / split / name / f"P_{woman:05d}_{side}_CC.png"
            path.parent.mkdir(parents=True)
            cv2.imwrite(str(path), np.random.default_rng((k, woman)).integers(
                0, 65535, (8, 6)).astype(np.uint16))
    return [str(tmp_path / split) for split in run_inputs.SPLITS]


def test_a_woman_in_two_splits_stops_the_training_with_one_sentence(
        splits_of_one_woman, tmp_path):
    command = [*splits_of_one_woman, "--no-use-pretrained", "--img-size", "8", "6",
               "--best-model", str(tmp_path / "best.h5")]
    with pytest.raises(files.InputError) as caught:
        image_clf_train.main(command)
    message = str(caught.value)
    assert message.startswith("1 patient is in more than one split (first: ")
    assert message.endswith("To train all the same: --allow-shared-patients.")
    assert "P_00001_LEFT_CC.png" in message and "\n" not in message


def test_a_woman_in_two_splits_is_a_warning_where_that_is_allowed(
        splits_of_one_woman, tmp_path, caplog):
    data, _ = run_inputs.open_data("patch", splits_of_one_woman, settings(
        tmp_path, allow_shared_patients=True))
    assert {split: len(images) for split, images in data.items()} == dict(
        train=2, val=2, test=2)
    assert "1 patient is in more than one split" in caplog.text


def test_a_training_begins_with_what_became_of_all_images_and_files(folder, tmp_path):
    (folder / "neg/notes.txt").write_text("no image")
    messages = []
    data = listed(folder)
    run = dataclasses.replace(settings(tmp_path), say=messages.append)
    run_inputs.look_at_images("whole_image", data, run)
    assert messages[0].startswith(f"images: {len(data['train'])} found, ")
    assert "not voting" in messages[0]
    assert messages[1] == "not looked at: 1 (1 no image: notes.txt)"
    messages.clear()
    run_inputs.look_at_images("patch", data, run)
    assert messages[:2] == [f"patches: {len(data['train'])} found",
                            "not looked at: 1 (1 no image: notes.txt)"]


@pytest.mark.parametrize("kind", ["patch", "whole_image"])
def test_of_patches_only_some_findings_are_warned_of(
        folder, tmp_path, monkeypatch, caplog, kind):
    check, kinds = run_inputs.input_checks.check_images, ("too dark", "views", "mixed")

    def found(*words, **how):
        result = check(*words, **how)
        return dataclasses.replace(result, findings=[
            run_inputs.input_checks.Finding(name, name) for name in kinds])
    monkeypatch.setattr(run_inputs.input_checks, "check_images", found)
    run_inputs.look_at_images(kind, listed(folder), settings(tmp_path))
    assert [text for text in caplog.messages if text in kinds] == list(
        kinds[:1] if kind == "patch" else kinds)


def test_whole_images_of_16_bits_are_refused_unscaled_and_accepted_scaled(
        folder, tmp_path):
    unscaled = dataclasses.replace(IMAGES, intensity_scale=None)
    data = listed(folder)
    with pytest.raises(files.InputError, match=r"reach 6\d{4} where .* 0 to 255"):
        run_inputs.look_at_images(
            "whole_image", data, settings(tmp_path, images=unscaled))
    run_inputs.look_at_images("whole_image", data, settings(tmp_path))
    run_inputs.check_range(4095)
    with pytest.raises(files.InputError, match="^the images reach 4096 where"):
        run_inputs.check_range(4096)


@pytest.mark.parametrize(("top", "scale", "said"), [
    (1023, None, None), (1024, None, "1024"), (2048, 0.5, "1024"), (2046, 0.5, None)])
def test_equalised_intensities_may_reach_1023(folder, tmp_path, top, scale, said):
    for path in folder.rglob("*.png"):
        grey = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) % 500
        grey[0, 0] = top - 7 * (path.stem != "d")
        cv2.imwrite(str(path), grey)
    run = settings(tmp_path, images=dataclasses.replace(
        IMAGES, intensity_scale=scale, equalize_histogram=True))
    if said is None:
        assert run_inputs.look_at_images("whole_image", listed(folder), run) == run
        return
    with pytest.raises(files.InputError) as caught:
        run_inputs.look_at_images("whole_image", listed(folder), run)
    assert str(caught.value) == (
        "histogram equalisation needs intensities of 0-255, but the images reach "
        f"{said}; scale them (--img-scale 255 or --rescale-factor 0.003891), or turn "
        "it off (--no-equalize-hist).")


def test_a_class_without_validation_images_is_named_and_a_whole_set_is_not(
        folder, tmp_path, caplog):
    lacking = tmp_path / "lacking" / "neg"
    lacking.mkdir(parents=True)
    shutil.copy(folder / "neg/a.png", lacking)
    for val, expected in ((folder, False), (lacking.parent, True)):
        caplog.clear()
        run_inputs.open_data("patch", [str(folder), str(val), str(folder)], settings(
            tmp_path, class_list=("neg", "pos")))
        assert (f"val folder {val} has no images of pos; its figures say nothing of it."
                in caplog.text) is expected


VALUES = (-1, 0, 0.0, 1e-9, 0.5, 0.999, 1, 1.5, 2, 3, 10, 10**6, 10**9)


def test_settings_of_training_have_the_limits_that_are_recorded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    groups = dict(images=IMAGES, model=config.ModelOptions(),
                  training=config.TrainingOptions(best_model="best.h5", workers=1))
    rows = []
    for group, options in groups.items():
        for field in dataclasses.fields(options):
            value = getattr(options, field.name)
            if isinstance(value, bool):
                cases = [(repr(not value), not value)]
            elif isinstance(value, (int, float)):
                cases = [(repr(number), number) for number in VALUES]
            elif isinstance(value, tuple) and all(
                    isinstance(number, (int, float)) for number in value):
                cases = [(repr(number), (number,) * 2) for number in VALUES]
            else:
                continue

            def check(number, name=field.name, group=group, options=options):
                changed = groups | {group: dataclasses.replace(
                    options, **{name: number})}
                run_inputs.check_settings(run_inputs.Settings(*changed.values()))
                return "accepted"

            rows += [f"== {group}.{field.name}", deformed.grouped(check, cases)]
    recorded.check("training-limits", "\n".join(rows))


@pytest.mark.parametrize("typed, stored, expected", [
    (dict(), dict(intensity_scale=0.5, pixel_mean=33.0), (0.5, 33.0)),
    (dict(pixel_mean=9.0), dict(intensity_scale=0.5, pixel_mean=33.0), (0.5, 9.0)),
    (dict(), dict(intensity_scale=0.5), (0.5, config.ImageOptions().pixel_mean)),
    (dict(intensity_scale=2.0), dict(intensity_scale=0.5, pixel_mean=33.0),
     (2.0, config.ImageOptions().pixel_mean)),
    (dict(stretch_max_to=255.0), dict(intensity_scale=0.5),
     (None, config.ImageOptions().pixel_mean)),
    (dict(), dict(pixel_mean=33.0), (None, config.ImageOptions().pixel_mean))])
def test_scale_and_mean_are_those_of_the_start_unless_they_are_typed(
        tmp_path, monkeypatch, typed, stored, expected):
    monkeypatch.setattr(run_inputs, "_card_of_start", lambda given: dict(images=stored))
    given = settings(tmp_path, images=config.ImageOptions(size=(8, 6), **typed),
                     resume_from="start.h5")
    taken = run_inputs.with_scale_of_start(given).images
    assert (taken.intensity_scale, taken.pixel_mean) == expected
    assert taken.size == (8, 6)
    alone = settings(tmp_path, images=config.ImageOptions(size=(8, 6), **typed))
    assert run_inputs.with_scale_of_start(alone) is alone


@pytest.mark.parametrize(("flag", "change"), [
    ("--mixup", dict(mixup=0.2)), ("--weight-average", dict(weight_average=0.9))])
def test_what_works_on_one_device_is_refused_on_several(tmp_path, flag, change):
    several = dataclasses.replace(
        settings(tmp_path, class_list=("neg", "pos"), **change),
        layout=types.SimpleNamespace(strategy="mirrored"))
    with pytest.raises(files.InputError, match=f"{flag} works on one device"):
        run_inputs.check_settings(several)
    run_inputs.check_settings(dataclasses.replace(
        several, layout=types.SimpleNamespace(strategy="none")))


def test_a_folder_without_the_class_folders_is_named_with_its_split(folder):
    with pytest.raises(files.InputError, match="val folder .* none of the class fol"):
        run_inputs._labelled(folder / "neg", ("neg", "pos"), "val")


def test_the_first_class_without_images_is_refused_and_all_are_warned_of(
        folder, caplog):
    classes = ("a", "neg", "pos", "b")
    with pytest.raises(files.InputError) as caught:
        run_inputs._labelled(folder, classes, "train")
    assert str(caught.value) == (
        f"train folder {folder} has no images of the class 'a'; expected some of each "
        "of a, neg, pos, b. Check --class-list.")
    run_inputs._labelled(folder, classes, "test")
    assert caplog.messages[-1:] == [
        f"test folder {folder} has no images of a or b; its figures say nothing of "
        "them."]


def test_a_folder_that_is_given_twice_is_warned_of(folder, tmp_path, caplog):
    val, test, link = (tmp_path / name for name in ("val", "test", "link"))
    for copy in (val, test):
        shutil.copytree(folder, copy)
    link.symlink_to(folder)
    warning = ("the same folder is given twice; a result on images that chose or "
               "trained the model says nothing.")
    for last, expected in ((test, []), (link, [warning])):
        caplog.clear()
        run_inputs.open_data("patch", [str(folder), str(val), str(last)], settings(
            tmp_path, class_list=("neg", "pos")))
        assert [line for line in caplog.messages if "twice" in line] == expected


def test_the_bar_of_a_look_at_the_images_leaves_no_line_and_no_pipe_has_one(
        folder, tmp_path, monkeypatch):
    bars = []
    monkeypatch.setattr(run_inputs.tqdm, "tqdm", lambda iterable, **how: (
        bars.append(how), iterable)[1])
    automatic = dataclasses.replace(IMAGES, pixel_mean="auto")
    said = []
    run = dataclasses.replace(settings(tmp_path, images=automatic), say=said.append)
    mean = run_inputs.look_at_images("patch", listed(folder), run).images.pixel_mean
    assert bars == [dict(desc="looking at the images", unit="", disable=None,
                         leave=False)] * 3
    greys = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED).mean() * 0.003891
             for path in sorted(folder.rglob("*.png"))]
    assert mean == round(mean, 2) == pytest.approx(np.mean(greys), abs=0.006)
    assert said[-1] == f"mean grey value of the training images: {mean}"
