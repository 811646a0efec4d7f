"""Says what is installed and what is missing, and tries the whole way on a phantom.

    end2end doctor                    (or python -m end2end.doctor)
    end2end doctor --no-check         without the trial, which takes up to a minute

Packages with their versions and the allowed ones, extras with the command that installs
them, processor, memory, GPUs, decoders of DICOM, and packages that disturb. For the
trial four synthetic mammograms are written as DICOM and scored with a small network of
random weights; nothing is downloaded and nothing stays. Exit status 1: something that
is needed is missing or wrong.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import io
import logging
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

import end2end
from end2end import checkpoints, config, images, models, phantoms, predict, prediction
from end2end.utils import commands, distribution

# Size of the phantoms and of the network's input, rows and columns.
PHANTOM, SIZE = (512, 384), (288, 224)
# Difference of a probability between the network as built and as read from its file.
TOLERANCE = 1e-4
SYNTAXES = ("JPEGBaseline8Bit", "JPEGLosslessSV1", "JPEGLSLossless", "JPEG2000Lossless",
            "RLELossless")


def parser() -> commands.Parser:
    """The command line."""
    result = commands.Parser(program="end2end.doctor", description=__doc__)
    result.add_argument("--no-check", dest="check", action="store_false",
                        help="leave out the trial on phantoms")
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the report; returns 1 if something that is needed is missing or wrong."""
    arguments = parser().parse_args(argv)
    folder = pathlib.Path(end2end.__file__).parent
    commands.say(f"{distribution.NAME} {end2end.__version__} in {folder.parent}\n"
                 f"Python {platform.python_version()} ({sys.executable}), "
                 f"{platform.system()} {platform.machine()}")
    problems = list(distribution.clashes(distribution.installed(), folder))
    lines, wrong = packages()
    commands.say("\n".join(["", *lines, "", *machine(), "", *decoders()]))
    problems += wrong
    if arguments.check and not problems:
        commands.say("")
        problems += trial()
    for problem in problems:
        commands.say(f"problem: {problem}")
    commands.say("" if problems else "\nEverything that is needed is there.")
    return 1 if problems else 0


# Packages -----------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Package:
    """A requirement beside what is installed.

    Attributes:
        name: of the package.
        allowed: versions, such as `<3,>=2.18`.
        version: installed; empty where it is not.
        fits: whether that version is allowed.
    """

    name: str
    allowed: str
    version: str
    fits: bool

    @property
    def state(self) -> str:
        """What is wrong, in a few words; empty where nothing is."""
        if not self.version:
            return "missing"
        return "" if self.fits else f"{self.version} is not allowed"


def required(extra: str = "") -> list[Package]:
    """The packages that are always needed, or those of an extra alone.

    Raises:
        importlib.metadata.PackageNotFoundError: the distribution is not installed.
    """
    from packaging import requirements, version

    rows = []
    for line in importlib.metadata.requires(distribution.NAME) or ():
        package = requirements.Requirement(line)
        always = package.marker is None or package.marker.evaluate({"extra": ""})
        if always != (not extra) or (extra and not package.marker.evaluate(
                {"extra": extra})):
            continue
        try:
            present = importlib.metadata.version(package.name)
        except importlib.metadata.PackageNotFoundError:
            present = ""
        fits = bool(present) and version.Version(present) in package.specifier
        rows.append(Package(package.name, str(package.specifier), present, fits))
    return rows


def packages() -> tuple[list[str], list[str]]:
    """Lines about packages and extras, and sentences about those that are wrong."""
    try:
        needed = required()
    except importlib.metadata.PackageNotFoundError:
        return [], [f"{distribution.NAME} is used from a folder without being "
                    "installed, so no versions can be compared; run: pip install . "
                    "in that folder."]
    lines = ["Packages:"]
    lines += [f"  {package.name:24} {package.version or '-':12} "
              f"{f'({package.allowed})':24} {package.state}".rstrip()
              for package in needed]
    wrong = [f"package {package.name}: {package.state}; run: "
             f'pip install "{package.name}{package.allowed}"'
             for package in needed if package.state]
    lines += ["", "Extras:"]
    for extra, purpose in distribution.EXTRAS.items():
        states = [f"{package.name} {package.state}" for package in required(extra)
                  if package.state]
        lines.append(f"  {extra:10} {'no ' if states else 'yes'}  {purpose}")
        if states:
            lines.append(f"{'':17}{', '.join(states)}; run: "
                         f"{distribution.install_command(extra)}")
    return lines, wrong


# The machine --------------------------------------------------------------------------


def machine() -> list[str]:
    """Lines about processor, memory, disk and GPUs."""
    cores = (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity")
             else os.cpu_count())
    total, free = memory()
    features = prediction.flip_calls.processor_features()
    named = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
             if name in features]
    lines = [f"Processor: {processor()}, {cores} cores for this process"
             + (f", {' '.join(named)}" if named else ""),
             f"Memory: {total:.1f} GB, {free:.1f} GB free",
             f"Disk: {shutil.disk_usage('.').free / 1e9:.1f} GB free in this folder"]
    return lines + gpus()


def processor() -> str:
    """The processor's name."""
    path = pathlib.Path("/proc/cpuinfo")
    for line in path.read_text().splitlines() if path.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def memory() -> tuple[float, float]:
    """Memory of the machine and what is free of it, GB; nan where it is not told."""
    path, kilobytes = pathlib.Path("/proc/meminfo"), {}
    for line in path.read_text().splitlines() if path.exists() else ():
        name, _, value = line.partition(":")
        kilobytes[name] = float(value.split()[0])
    return tuple(kilobytes.get(name, float("nan")) * 1024 / 1e9
                 for name in ("MemTotal", "MemAvailable"))


def gpus() -> list[str]:
    """A line for each GPU that TensorFlow sees, and one where it sees less than is
    there."""
    import tensorflow as tf

    lines = []
    for device in tf.config.list_physical_devices("GPU"):
        details = tf.config.experimental.get_device_details(device)
        lines.append(f"GPU: {details.get('device_name', device.name)}")
    lines = lines or ["GPU: TensorFlow sees none; networks run on the processor"]
    program = shutil.which("nvidia-smi")
    listed = program and subprocess.run(
        [program, "--list-gpus"], capture_output=True, text=True).stdout.splitlines()
    if listed and len(listed) != len(tf.config.list_physical_devices("GPU")):
        lines.append(f"  but nvidia-smi lists {len(listed)}; run: pip install "
                     '"tensorflow[and-cuda]", and check CUDA_VISIBLE_DEVICES')
    return lines


def decoders() -> list[str]:
    """A line for each compression of DICOM: whether it can be decoded here."""
    import pydicom

    lines = ["Compressed DICOM:"]
    for name in SYNTAXES:
        syntax = getattr(pydicom.uid, name)
        able = pydicom.pixels.get_decoder(syntax).is_available
        lines.append(f"  {'yes' if able else 'no '}  {syntax.name}" + (
            "" if able else f"; run: {distribution.install_command('dicom')}"))
    return lines


# The trial ----------------------------------------------------------------------------


def trial() -> list[str]:
    """Writes, reads and scores four phantoms; returns what is wrong, sentences."""
    commands.say("Trial: four synthetic mammograms, a small network of random weights.")
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = pathlib.Path(name)
        logging.disable(logging.INFO)
        stack.callback(logging.disable, logging.NOTSET)
        with contextlib.redirect_stdout(io.StringIO()) as printed, \
                contextlib.redirect_stderr(printed):
            phantoms.write_inbreast(folder / "images", patients=1, size=PHANTOM)
            classifier = small_classifier(folder / "small.h5")
            status = predict.main([
                str(folder / "small.h5"), str(folder / "images"),
                "--out", str(folder / "scores.csv")])
        if status:
            return [f"the trial failed: {commands.one_line(printed.getvalue())}"]
        rows = prediction.grouping.read_rows(folder / "scores.csv")
        expected = prediction.predict(
            classifier, [row["path"] for row in rows])[:, 1]
    commands.say(f"  {len(rows)} scored in {time.monotonic() - started:.0f} s")
    furthest = max(abs(float(row["score"]) - score)
                   for row, score in zip(rows, expected, strict=True))
    if furthest > TOLERANCE:
        return [f"scores of the network as saved differ by {furthest:.2g} from those "
                "of the network in memory; please report this."]
    return []


def small_classifier(path: pathlib.Path) -> checkpoints.Classifier:
    """Builds and saves a whole-image classifier of random weights.

    Args:
        path: of the file to write.

    Returns:
        `checkpoints.Classifier`, of the network in memory.
    """
    import keras

    keras.utils.set_random_seed(1)
    patch = models.patch_classifier("yaroslav", 5)
    options = config.ImageOptions(
        size=SIZE, channels=patch.input_shape[-1],
        intensity_scale=images.depths.SCALE_OF_16_BITS,
        pixel_mean=44.33)
    model = models.whole_image_classifier(patch, config.ModelOptions(
        backbone="yaroslav", top_filters=(32,), top_repeats=(1,)), size=SIZE)
    card = dict(kind="whole_image", classes=["neg", "pos"], model={}, training={},
                images=dataclasses.asdict(options), metrics={},
                trained_on="nothing: random weights")
    checkpoints.save_model(model, path, card)
    return dataclasses.replace(checkpoints.load_classifier(path), model=model)


if __name__ == "__main__":
    commands.run(main)
