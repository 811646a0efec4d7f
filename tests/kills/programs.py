"""Every program that runs long, with small inputs, for kills at random moments."""

import collections.abc
import dataclasses
import pathlib
import sys

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/helpers"))
SIZE = ("64", "64")


@dataclasses.dataclass(frozen=True)
class Program:
    """A program that is killed.

    Attributes:
        module: of `end2end.utils.programs.MODULES`.
        words: after its name; IN is the folder of inputs, OUT that of outputs.
        loads: modules that are loaded before, so that a kill falls into the work.
        adjust: makes the work smaller than any flag does.
        share: of the processor time of an unbroken run, in which a signal comes; less
            than 1 where each call goes on from what the one before did.
    """

    module: str
    words: str
    loads: tuple = ("keras",)
    adjust: collections.abc.Callable = lambda: None
    share: float = 1.0


def shrink():
    """Chains on small images, with a trunk of three convolutions."""
    from ddsm_train.pipeline import steps, walk
    from end2end.models import backbones

    backbones.BACKBONES["yaroslav"] = dataclasses.replace(
        backbones.BACKBONES["yaroslav"], build=_trunk, smallest=16)
    walk.SCALES["tiny"] = walk.Scale(
        24, RENDERED, SMALL, 16, 1, 1, (1, 2, 3), (1, 2), 0.0)
    steps.SCALES["smoke"] = dataclasses.replace(
        steps.SCALES["smoke"], size=SMALL, share=16 / 224, phantoms=(
            "--patients", 24, "--difficulty", 0.0, "--size", *RENDERED))


def _trunk(x):
    from keras import layers

    for name, strides in (("block1", 4), ("block5", 2), ("block6", 1)):
        x = layers.Conv2D(4, 3, strides=strides, padding="same", activation="relu",
                          name=f"{name}_conv1")(x)
    return layers.MaxPooling2D(2, name="block6_pool")(x)


RENDERED, SMALL = (96, 72), (64, 48)
TINY = ("--img-size 40 32 --rescale-factor 1.0 --featurewise-mean 40 --batch-size 4 "
        "--best-model OUT/best.h5 --final-model NOSAVE")
TRAINING = ("--nb-epoch 2 --all-layer-epochs 4 --no-augmentation " + TINY)
PROGRAMS = {
    "prepare": Program(
        "ddsm_train.prepare", f"IN/download OUT --size {' '.join(SIZE)} --workers 1",
        ()),
    "prepare with workers": Program(
        "ddsm_train.prepare", f"IN/download OUT --size {' '.join(SIZE)} --workers 2",
        ()),
    "prepare-inbreast": Program(
        "inbreast.prepare", f"IN/inbreast OUT --size {' '.join(SIZE)} --workers 1", ()),
    "import": Program(
        "end2end.importing",
        f"cmmd IN/cmmd OUT --size {' '.join(SIZE)} --workers 1", ()),
    "sampling": Program(
        "ddsm_train.sample_patches_combined",
        "IN/prepared/roi_mask_path.csv IN/prepared/mask IN/prepared/pat_train.txt "
        "IN/prepared/full OUT/train OUT/val --target-height 64 --target-width 64 "
        "--patch-size 16 --nb-bkg 4 --nb-abn 4 --nb-hns 0 --no-segment-breast "
        "--workers 2", ()),
    "phantoms": Program(
        "end2end.phantoms", "OUT --patients 4 --size 96 64 --workers 1", ()),
    "patch training": Program(
        "ddsm_train.patch_clf_train",
        "IN/images IN/images IN/images --resume-from IN/patch2.h5 --class-list neg pos "
        "--top-layer-nb trunk --nb-epoch 1 --top-layer-epochs 2 --all-layer-epochs 4 "
        "--no-augmentation "
        "--img-size 16 16 --rescale-factor 1.0 --featurewise-mean 40 --batch-size 4 "
        "--best-model OUT/best.h5 --final-model NOSAVE"),
    "image training": Program(
        "ddsm_train.image_clf_train",
        "IN/images IN/images IN/images --resume-from IN/best.h5 --class-list neg pos "
        f"{TRAINING}"),
    "fine-tuning": Program(
        "inbreast.finetune",
        "IN/manifest.csv IN/manifest.csv IN/manifest.csv --resume-from IN/best.h5 "
        f"--class-list neg pos --all-layer-epochs 4 {TINY}"),
    "learning curve": Program(
        "inbreast.learning_curve",
        "IN/first.csv IN/others.csv --model IN/best.h5 --out OUT --patients 4 "
        "--validation within --flags '--all-layer-epochs 2 --batch-size 4'",
        share=0.3),
    "prediction": Program(
        "end2end.predict", "IN/best.h5 IN/images/neg IN/images/pos --out "
                           "OUT/scores.csv"),
    "prediction with pictures": Program(
        "end2end.predict",
        "IN/best.h5 IN/images/pos --out OUT/scores.csv --overlay OUT/pictures "
        "--report OUT/report.html"),
    "archive": Program(
        "end2end.archive",
        "predict IN/manifest.csv --models IN/best.h5 --out OUT/scores --rows 3"),
    "evaluation": Program(
        "ddsm_train.evaluate", "IN/best.h5 IN/manifest.csv --out OUT --runs 50"),
    "metrics": Program(
        "end2end.metrics", "IN/scores.csv --out OUT --runs 200",
        ("matplotlib.pyplot",)),
    "saliency": Program(
        "ddsm_train.draw_saliency", "IN/best.h5 IN/images/pos OUT --method guided "
                                    "gradcam"),
    "heatmaps": Program(
        "ddsm_train.heatmap_score",
        "IN/films IN/patch.h5 --pat-csv IN/films/pat.csv --out "
        "OUT/heatmaps.npz --patch-size 16 --stride 8 --img-height 40 --overlays "
        "OUT/overlays"),
    "export": Program(
        "end2end.export", "IN/best.h5 --to keras --out OUT/best.keras"),
    "demo": Program("ddsm_train.demo", "--out OUT --scale tiny", adjust=shrink,
                    share=0.15),
    "experiments": Program(
        "ddsm_train.experiments", "--scale smoke --out OUT --run resnet50-s1",
        adjust=shrink, share=0.3),
}


def write_inputs(folder, *, models=True):
    """Writes what the programs read; without models Keras is not loaded."""
    from ddsm_train import prepare
    from end2end import phantoms

    phantoms.write_cbis_ddsm(folder / "download", patients=6, seed=5, size=(64, 64))
    phantoms.write_inbreast(folder / "inbreast", patients=6, seed=5, size=(64, 64))
    phantoms.write_layout(folder / "cmmd", layout="cmmd", patients=6, seed=5,
                          size=(64, 64))
    prepare.main([str(folder / "download"), str(folder / "prepared"), "--size", *SIZE,
                  "--workers", "1"])
    if models:
        _write_models(folder)


def _write_models(folder):
    """Networks of a few weights, and images for them."""
    import shutil

    import keras
    import saved_models

    from end2end import checkpoints, config

    saved_models.whole_image_model(folder / "best.h5")
    saved_models.patch_model(folder / "patch.h5")
    images = folder / "images"
    saved_models.write_images(images, women=10)
    shutil.move(images / "mask", folder / "mask")
    shutil.move(images / "rois.csv", folder / "rois.csv")
    keras.utils.set_random_seed(2)
    image = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(2, 3, activation="relu", name="trunk")(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(2, activation="softmax")(x))
    checkpoints.save_model(model, folder / "patch2.h5", dict(
        kind="patch", classes=("neg", "pos"), trained_on="nothing",
        images=config.to_dict(config.ImageOptions(
            size=(16, 16), intensity_scale=1.0, pixel_mean=40.0, channels=1))))
    _write_films(folder / "films", images)
    rows = ["path,label,patient,laterality,view"]
    scores = ["path,label,score"]
    for number, path in enumerate(sorted(images.rglob("*.png"))):
        label = int(path.parent.name == "pos")
        rows.append(f"{path},{path.parent.name},{path.name[:7]},L,"
                    f"{path.stem.split('_')[-1]}")
        scores.append(f"{path},{label},{(number * 7 % 20) / 20}")
    # Neighbouring numbers are a woman with cancer and one without.
    parts = [[row for row in rows[1:] if int(row.split(",")[2][2:]) // 2 % 2 == part]
             for part in (0, 1)]
    tables = {"manifest": rows, "first": [rows[0], *parts[0]],
              "others": [rows[0], *parts[1]]}
    for name, lines in tables.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    (folder / "scores.csv").write_text("\n".join(scores) + "\n")


def _write_films(folder, images):
    """All images in one folder, with the table of women that heatmaps ask for."""
    import shutil

    folder.mkdir()
    rows = {}
    for path in sorted(images.rglob("*.png")):
        shutil.copy(path, folder)
        rows[path.name[:7]] = f"{path.name[:7]},LEFT,{int(path.parent.name == 'pos')}"
    (folder / "pat.csv").write_text(
        "\n".join(["patient_id,side,cancer", *rows.values()]) + "\n")
