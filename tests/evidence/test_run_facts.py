"""Tests of end2end.evidence.run_facts."""

import dataclasses
import json

import pytest
import recorded
import run_files

from end2end import config
from end2end.evidence import run_facts
from end2end.utils import files

CARD = dict(
    format=1, kind="whole_image", classes=["neg", "pos"], name="demo",
    images=json.loads(json.dumps(config.to_dict(config.ImageOptions(size=(96, 64))))),
    model=json.loads(json.dumps(config.to_dict(config.ModelOptions()))),
    training=dict(optimizer="adam", learning_rate=0.001, balance_batches=True),
    trained_on="synthetic mammograms only", metrics=dict(val_auc=0.91, epoch=4),
    calibration=dict(logistic=dict(plain=dict(
        intercept=-1, slope=0.9, source="Hospital A"))))
RESULTS = dict(
    models=["best.h5"], test="images/test", accounting=["images: 30 found"],
    plain=dict(count=30, positive=10, auc=0.875, auc_interval=[0.8, 0.9]))


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_folder_of_a_run_gives_facts_with_their_files(tmp_path):
    write(tmp_path / "best.config.json", CARD)
    write(tmp_path / "test" / "results.json", RESULTS)
    facts = run_facts.gathered([tmp_path])
    assert facts["training_data"] == run_facts.Fact(
        "synthetic mammograms only", "best.config.json")
    assert "96 x 64 pixels" in facts["preprocessing"].text
    assert facts["performance"] == run_facts.Fact(
        "AUC 0.875 (0.800 to 0.900) (few: 10 with cancer)", "results.json")
    assert facts["updating"].text == "recalibrated on Hospital A (plain)"
    assert "epoch 4, AUC 0.910" in facts["selection"].text
    assert facts["use"].source == "end2end"
    assert "ethics" not in facts and "external" not in facts


def test_results_of_the_commands_are_known(tmp_path):
    estimate = dict(value=0.8, low=0.7, high=0.9)
    facts = run_facts.gathered([
        write(tmp_path / "a.json", dict(between_sites=[], sites=dict(S=dict(m=dict(
            auc=estimate, count=9, positive=3, calibration=dict(
                intercept=estimate, slope=estimate)))))),
        write(tmp_path / "b.json", dict(
            counts={}, readers=dict(each=dict(R1={}, R2={}), mean=dict(
                both=dict(estimate=estimate))),
            models=dict(m=dict(against_mean=dict(both=dict(estimate=estimate)))))),
        write(tmp_path / "c.json", dict(worst=None, groups=[
            dict(column="view", value="CC", auc=estimate),
            dict(column="view", value="ML", auc=None)])),
        write(tmp_path / "d.json", dict(decision_curves=dict(m=[]), reading=dict(
            ways=dict(a={}, b={})))),
        write(tmp_path / "e.json", dict(history=[dict(stage="top")], epochs=7))])
    assert facts["external"].text == \
        "S, m: AUC 0.800 (0.700 to 0.900), 9 rows, 3 with cancer"
    assert "2 readers with a mean AUC of 0.800" in facts["readers"].text
    assert facts["subgroups"].text == "view CC: AUC 0.800 (0.700 to 0.900)"
    assert facts["benefit"].text == "decision curves of m"
    assert facts["epochs"].text == "7 epochs: top"


def test_what_people_state_goes_before_files(tmp_path):
    path = write(tmp_path / "best.config.json", CARD)
    facts = run_facts.gathered([path], dict(name="Another", ethics="Board 7"))
    assert facts["name"] == run_facts.Fact("Another", "stated")
    assert facts["ethics"].text == "Board 7"


def test_files_that_are_no_run_are_refused(tmp_path):
    with pytest.raises(files.InputError, match="no card"):
        run_facts.gathered([tmp_path])
    with pytest.raises(files.InputError, match="not a JSON object"):
        run_facts.gathered([write(tmp_path / "a.json", [1])])
    with pytest.raises(files.InputError) as caught:
        run_facts.gathered([write(tmp_path / "b.json", {})], dict(
            weather="fine", mood="good", yes="no"))
    assert str(caught.value) == (
        "--facts has the name 'mood', which no item asks for; --list-facts prints "
        "those that are known.")
    bad = write(tmp_path / "c.json", dict(CARD, classes=[1]))
    with pytest.raises(files.InputError, match="classes"):
        run_facts.gathered([bad])


def test_all_facts_of_a_run_are_as_recorded(tmp_path):
    facts = run_files.write(tmp_path)
    rows = run_facts.gathered([tmp_path / "run"], files.read_json(facts))
    recorded.check("evidence-facts", {
        name: dataclasses.asdict(fact) for name, fact in rows.items()})


@pytest.mark.parametrize("change, name, text", [
    (dict(images=dict(size=[96, 64], augment=False)), "augmentation", "none"),
    (dict(images={}), "preprocessing", None),
    (dict(model=dict(backbone="vgg16", pretrained=False)), "initialization", "random"),
    (dict(model=dict(backbone="vgg16", pretrained=True)), "initialization",
     "pretrained on ImageNet"),
    (dict(training=dict(optimizer="adam", balance_batches=False)), "imbalance",
     "classes as they are"),
    (dict(metrics=dict(val_auc="high")), "selection", None),
    (dict(calibration=dict(temperature=dict(plain=2.0), source="V")), "updating",
     "temperature found on V"),
    (dict(operating_points=[dict(at="sensitivity", sensitivity=0.9, threshold=0.25)]),
     "thresholds", None)])
def test_what_a_card_says_otherwise_is_told_otherwise(tmp_path, change, name, text):
    card = dict(run_files.CARD, **change)
    facts = run_facts.read(card, tmp_path / "best.config.json")
    assert facts.get(name) == text


def test_facts_of_two_files_stand_together_with_both_names(tmp_path):
    paths = [write(tmp_path / f"{name}.json", dict(history=[
        dict(stage=stage), dict(stage=stage), dict()], epochs=number))
        for name, stage, number in (("a", "top", 3), ("b", "all", 7), ("c", "top", 3))]
    assert run_facts.gathered(paths[:2])["epochs"] == run_facts.Fact(
        "3 epochs: top; 7 epochs: all", "a.json, b.json")
    assert run_facts.gathered([paths[0], paths[2]])["epochs"] == run_facts.Fact(
        "3 epochs: top", "c.json")
    with pytest.raises(files.InputError, match="does not exist"):
        run_facts.documents([tmp_path / "none.json"])
    assert run_facts.documents([*paths, paths[0]]) == paths


@pytest.mark.parametrize(("interval", "text"), [
    ((0.25, 0.5), "0.250 to 0.500"), (dict(low=0.1, high=0.2), "0.100 to 0.200"),
    (None, "unknown"), ([0.5], "unknown"), ({}, "unknown")])
def test_an_interval_is_a_pair_or_names_its_ends(interval, text):
    assert run_facts._between(interval) == text


@pytest.mark.parametrize(("count", "text"), [
    (0, "a single model"), (1, "a single model"), (2, "mean of 2 models")])
def test_several_models_are_an_ensemble(tmp_path, count, text):
    facts = run_facts.read(dict(models=["m.h5"] * count, plain={}), tmp_path)
    assert facts == dict(ensemble=text)
