"""The rows of the table: what is measured, and the target it is held against."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        name: by which it is picked on the command line.
        what: for the table.
        measure: `module.function` in this package, without arguments; returns a
            `Figure`.
        target: number that `Figure.value` is held against.
        most: whether the target is an upper limit; otherwise a lower one.
        unit: of the value and the target.
    """

    name: str
    what: str
    measure: str
    target: float
    most: bool
    unit: str

    def reached(self, value: float) -> bool:
        """Whether a value is on the right side of the target."""
        return value <= self.target if self.most else value >= self.target


@dataclasses.dataclass(frozen=True)
class Figure:
    """What was measured for one row.

    Attributes:
        value: number to hold against the target, in the unit of the row.
        ours: the same work as a plain figure, such as seconds per image.
        simple: a simple well-known way of the same work, measured in the same run;
            None where the row has none.
        limit: the physical limit, measured in the same run; None where there is none.
        unit: of `ours`, `simple` and `limit`.
        simple_way, limit_way: what these two are.
        peers: other programs that do the same, by name, in the same run and unit.
        notes: what else was found, short sentences.
    """

    value: float
    ours: float
    unit: str
    simple: float | None = None
    simple_way: str = ""
    limit: float | None = None
    limit_way: str = ""
    notes: tuple = ()
    peers: dict[str, float] = dataclasses.field(default_factory=dict)


ROWS = (
    Row("inference", "whole-image inference, float32, file to score, share of the "
        "matrix-product rate", "networks.inference", 85, False, "%"),
    Row("fast", "whole-image inference, fastest safe mode, times as fast as float32",
        "networks.fast", 2, False, "x"),
    Row("eight-bits", "whole-image inference in eight bits, where they are accepted, "
        "times as fast as Keras", "networks.eight_bits", 2.2, False, "x"),
    Row("predict", "end2end.predict over a folder, share of the network's own rate",
        "networks.predict_folder", 95, False, "%"),
    Row("predict-memory", "memory gained by end2end.predict from image 200 to 1000",
        "networks.predict_memory", 30, True, "MB"),
    Row("flips", "four-flip averaging, times one pass", "networks.flips", 3.6, True,
        "x"),
    Row("flips-fast", "four-flip averaging with --fast, times one such pass",
        "networks.flips_fast", 3.6, True, "x"),
    Row("step", "training step, 1152x896, batch 2, all layers", "steps.step", 8, True,
        "s"),
    Row("remat", "memory of that step with --remat, share of the plain step's",
        "steps.remat", 50, True, "%"),
    Row("scaling", "training on two processes with one core each: share of twice the "
        "rate of one", "scaling.weak", 80, False, "%"),
    Row("waiting", "training with augmentation: time that the network waits for data",
        "steps.waiting", 3, True, "%"),
    Row("patch-training", "patch training with augmentation, share of the network's "
        "own rate", "steps.patch_training", 95, False, "%"),
    Row("augment-image", "augmentation, all options, 1152x896, one core",
        "pixels.augment_image", 6, True, "ms"),
    Row("augment-patch", "augmentation, all options, 224x224, one core",
        "pixels.augment_patch", 0.25, True, "ms"),
    Row("sampling", "S10 sampling of a 1152x896 image, reading and writing included",
        "pixels.sampling_s10", 35, True, "ms"),
    Row("heatmap", "heatmap of 1152x896 at stride 32, convolutional, times as fast as "
        "sliding", "networks.heatmap", 30, False, "x"),
    Row("windows", "heatmap window by window, VGG16, stride 16, times as fast as "
        "windows in batches", "networks.windows_of_row", 2.7, False, "x"),
    Row("bootstrap", "interval of an AUC, 3000 runs, 400 cases", "small.bootstrap", 150,
        True, "ms"),
    Row("prepare", "prepare, DICOM to PNG, share of the bare rate on all cores",
        "pixels.prepare", 80, False, "%"),
    Row("decoding", "decoding a film in JPEG 2000, times the fastest installed decoder",
        "decoding.decoding", 1.1, True, "x"),
    Row("reaction", "local page with 40 films: from an input to its picture, 95 %",
        "reading_room.reaction", 100, True, "ms"),
    Row("help", "--help, the slowest command", "small.slowest_help", 0.4, True, "s"),
    Row("import", "import end2end", "small.import_package", 0.2, True, "s"),
)
