"""What is measured on a device, in the settings of the paper and in tiny ones."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Work:
    """A task of a network.

    Attributes:
        name: by which it is picked on the command line.
        what: for the table.
        kind: of the network: `whole_image` or `patch`.
        measure: row of `training.tuning.WORKS`.
        batch: images at once on each device.
        target: share of the rate of matrix products, %, that plain float32 should
            reach; those of `make bench` and of its training step.
    """

    name: str
    what: str
    kind: str
    measure: str
    batch: int
    target: float


# Batches of Shen et al. 2019: 32 patches, 2 whole images.
WORKS = (
    Work("image-scores", "whole-image inference", "whole_image", "scores", 1, 85),
    Work("image-step", "training step of whole images, all layers", "whole_image",
         "step", 2, 55),
    Work("patch-scores", "patch inference", "patch", "scores", 32, 85),
    Work("patch-step", "training step of patches, all layers", "patch", "step", 32, 55))


@dataclasses.dataclass(frozen=True)
class Scale:
    """Networks and images.

    Attributes:
        backbone: of both networks.
        sizes: height and width of an image in pixels, by kind of network.
        filters, repeats: of the top blocks of whole images.
        product: side of the square matrices whose product is the limit; large enough
            that a GPU works at its rate.
    """

    backbone: str
    sizes: dict
    filters: tuple
    repeats: tuple
    product: dict


SCALES = {
    "paper": Scale("resnet50", dict(whole_image=(1152, 896), patch=(224, 224)),
                   (512, 512), (2, 2), dict(CPU=2048, GPU=8192)),
    "smoke": Scale("yaroslav", dict(whole_image=(96, 64), patch=(64, 64)),
                   (4,), (1,), dict(CPU=128, GPU=128))}


@dataclasses.dataclass(frozen=True)
class Place:
    """One device, or several that work together.

    Attributes:
        kind: of TensorFlow: `GPU` or `CPU`.
        first: number of the first device.
        count: of devices.
    """

    kind: str
    first: int = 0
    count: int = 1

    @property
    def name(self) -> str:
        """For a reader: `GPU 1`, `2 GPUs`, `processor`."""
        if self.kind == "GPU":
            return f"GPU {self.first}" if self.count == 1 else f"{self.count} GPUs"
        return ("processor" if self.count == 1
                else f"processor as {self.count} devices")


def places(gpus: int, count: int, *, on_gpus: bool) -> tuple[list[Place], list[str]]:
    """Where to measure, and what is not measured and why.

    Args:
        gpus: that TensorFlow sees.
        count: of devices that work together; 0: all GPUs.
        on_gpus: whether GPUs are asked for, not the processor.
    """
    if on_gpus and gpus:
        together = min(count or gpus, gpus)
        missing = [] if together > 1 else [
            "several GPUs together: there is one" if gpus == 1 else
            "several GPUs together: NUM_GPU_DEVICES is 1"]
        return [Place("GPU", number) for number in range(gpus)] + [
            Place("GPU", count=together)] * (together > 1), missing
    missing = (["GPUs: TensorFlow sees none; the processor is measured in their place"]
               if on_gpus else
               [f"{gpus} GPU(s): --gpu measures them"] if gpus else [])
    if count < 2:
        return [Place("CPU")], [*missing, "several devices together: there is one"]
    return [Place("CPU"), Place("CPU", count=count)], missing
