"""The command line that trains a classifier on the patches just cut."""

from collections.abc import Sequence

from end2end import config
from end2end.data.patches import roi_table
from end2end.images import depths
from end2end.models import backbones
from end2end.utils import programs


def line(
        outs: Sequence[object], options: config.SamplingOptions, *,
        pixel_mean: float | None = None, classes: Sequence[str] = ()) -> str:
    """The command line, to be pasted.

    Args:
        outs: folders of the training, validation and test patches.
        options: `SamplingOptions` that they were cut with.
        pixel_mean: mean grey value of the training images (0-255); None where it is
            not known: then factor and mean are found from the patches.
        classes: class folders that have training patches; all where none is named.
    """
    scale = (("auto", "--featurewise-mean", "auto") if pixel_mean is None else
             (depths.SCALE_OF_16_BITS, "--featurewise-mean", pixel_mean))
    return programs.line(
        "ddsm_train.patch_clf_train", *outs, "--img-size", options.patch_size,
        options.patch_size, *network(options.patch_size), "--rescale-factor", *scale,
        "--no-equalize-hist", "--class-list",
        *(classes or roi_table.class_folders(options)))


def network(side: int) -> tuple[str, ...]:
    """Flags of a network for patches too small for the default one; else none.

    Args:
        side: of the patches, in pixels.
    """
    if side >= backbones.BACKBONES[config.ModelOptions().backbone].smallest:
        return ()
    fitting = [name for name in ("yaroslav", "vgg16")
               if side >= backbones.BACKBONES[name].smallest]
    return ("--net", fitting[0], "--no-use-pretrained") if fitting else ()
