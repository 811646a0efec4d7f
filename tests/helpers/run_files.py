"""The files of a run, with all that can be told of one."""

import json
import pathlib

CARD = dict(
    format=1, kind="whole_image", classes=["neg", "pos"], name="demo",
    licence="CC BY 4.0", acquisition="film", trained_on="CBIS-DDSM: 40 images",
    images=dict(size=[96, 64], intensity_scale=0.0039, pixel_mean=42.5, augment=True),
    model=dict(backbone="resnet50", top_kind="vgg", top_filters=[256, 128],
               patch_model_path="runs/patch/best.h5"),
    training=dict(optimizer="adam", learning_rate=0.001, batch_size=4, seed=12,
                  balance_batches=True, deterministic=False, split="official"),
    parent=dict(name="first", sha256="ab12", note=["left out"]),
    software=dict(keras="3.1", numpy="2.0"),
    operating_points=[
        dict(at="sensitivity", sensitivity=0.9, specificity=0.5, threshold=0.25,
             scheme="plain"),
        dict(at="specificity", sensitivity=0.4, specificity=0.95, threshold=0.75,
             scheme="flips")],
    metrics=dict(val_auc=0.91, epoch=4),
    calibration=dict(temperature=dict(plain=2.0), source="V", logistic=dict(
        plain=dict(intercept=-1, slope=0.9, source="Hospital A"),
        flips=dict(intercept=0.5, slope=1.2, source="Hospital B"))))
RESULTS = dict(
    models=["a.h5", "b.h5"], test="images/test",
    accounting=["images: 30 found", "2 left out"],
    plain=dict(
        count=30, positive=10, auc=0.875, auc_interval=[0.8, 0.925],
        operating_points=[dict(sensitivity=0.9, specificity=0.6, threshold=0.3),
                          dict(sensitivity=0.5, specificity=0.95, threshold=0.7)],
        calibration=dict(brier=0.125),
        groups=dict(view=dict(CC=dict(auc=0.75), MLO=dict(count=3)),
                    density=dict(A=dict(auc=0.5)))))
ESTIMATE = dict(value=0.8, low=0.7, high=0.9)
SITES = dict(between_sites=[], sites=dict(S=dict(
    m=dict(auc=ESTIMATE, count=9, positive=3, calibration=dict(
        intercept=dict(ESTIMATE, value=-0.25), slope=dict(ESTIMATE, value=1.5))),
    n=dict(auc=dict(ESTIMATE, value=0.6), count=9, positive=3, calibration={}))))
STUDY = dict(
    counts={}, readers=dict(each=dict(R1={}, R2={}), mean=dict(
        both=dict(estimate=ESTIMATE), cases=dict(estimate=dict(ESTIMATE, low=0.75)))),
    models=dict(m=dict(against_mean=dict(both=dict(estimate=dict(
        value=-0.05, low=-0.1, high=0.0))))))
GROUPS = dict(worst=None, groups=[dict(column="view", value="CC", auc=ESTIMATE),
                                  dict(column="view", value="ML", auc=None)])
USE = dict(decision_curves=dict(m=[], n=[]), reading=dict(ways=dict(a={}, b={}, c={})))
TRAINING = dict(history=[dict(stage="top"), dict(stage="top"), dict(stage="all")],
                epochs=7)


def write(folder: pathlib.Path) -> pathlib.Path:
    """Writes the files of a run into `folder/run`; returns that of stated facts."""
    for name, content in (
            ("best.config.json", CARD), ("best.report.json", TRAINING),
            ("results.json", RESULTS), ("sites/results.json", SITES),
            ("study/results.json", STUDY), ("groups/results.json", GROUPS),
            ("use/results.json", USE)):
        path = folder / "run" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")
    path = folder / "facts.json"
    path.write_text(json.dumps(dict(ethics="Board 7", funding=" ", design="")))
    return path
