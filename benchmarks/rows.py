"""The rows of the table: what is measured, and the target it is held against."""

from end2end.bench import Row

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
    Row("augment-call", "`random_transform` and `standardize`, 1152x896, all cores",
        "pixels.augment_call", 3, True, "ms"),
    Row("augment-patch", "augmentation, all options, 224x224, one core",
        "pixels.augment_patch", 0.25, True, "ms"),
    Row("sampling", "S10 sampling of a 1152x896 image, reading and writing included",
        "pixels.sampling_s10", 35, True, "ms"),
    Row("heatmap", "heatmap of 1152x896 at stride 32, convolutional, times as fast as "
        "sliding", "networks.heatmap", 30, False, "x"),
    Row("windows", "heatmap window by window, VGG16, stride 16, times as fast as "
        "windows in batches", "networks.windows_shared", 2.7, False, "x"),
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
