"""Every program that runs long, with small inputs, for kills at random moments."""

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
    """

    module: str
    words: str
    loads: tuple = ("keras",)


TINY = ("--img-size 40 32 --rescale-factor 1.0 --featurewise-mean 40 --batch-size 4 "
        "--best-model OUT/best.h5 --final-model NOSAVE")
TRAINING = ("--nb-epoch 2 --all-layer-epochs 4 --no-augmentation " + TINY)
PROGRAMS = {
    "prepare": Program(
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
        "IN/manifest.csv IN/images --model IN/best.h5 --out OUT --patients 4 "
        "--validation within --flags '--all-layer-epochs 2 --batch-size 4'"),
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
        "OUT/heatmaps.npz --patch-size 16 --stride 8 --img-size 40 32 --overlays "
        "OUT/overlays"),
    "export": Program(
        "end2end.export", "IN/best.h5 --to keras --out OUT/best.keras"),
    "demo": Program("ddsm_train.demo", "--out OUT"),
    "experiments": Program(
        "ddsm_train.experiments", "--scale smoke --out OUT best-single"),
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
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
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
