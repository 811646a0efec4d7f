"""Rows about pixels: augmentation, patch sampling, preparing DICOM files."""

import math
import os
import pathlib
import time

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import peers, timing
from end2end.bench import tables
from end2end.utils import clocks

S10 = ("--target-height", "1152", "--target-width", "896", "--no-segment-breast",
       "--patch-size", "224", "--nb-bkg", "10", "--nb-abn", "10", "--nb-hns", "0",
       "--pos-cutoff", "0.9", "--val-size", "0", "--no-verbose")
WARPS = 30


def augment_image() -> tables.Figure:
    return random_warps((1152, 896), into_a_batch)


def augment_patch() -> tables.Figure:
    return random_warps((224, 224), into_a_batch)


def augment_call() -> tables.Figure:
    # As in a user's program, with the threads that OpenCV takes there.
    return random_warps((1152, 896), into_new_images, threads=os.cpu_count())


def into_a_batch(generator, plane):
    """Draws and applies the warps of training, from a grey image into a batch."""
    from end2end.images import warps

    batch = np.zeros((2, *plane.shape, 3), np.float32)

    def ours():
        for seed in range(WARPS):
            warp = generator.draw(warps.seeded(seed), 3)
            generator.apply_grey(
                plane, warp, pixel_mean=44.33, out=batch[seed % 2])

    return ours


def into_new_images(generator, plane):
    """The same by the calls that Keras's users know."""
    image = np.repeat(plane[..., None], 3, axis=2)

    def ours():
        for seed in range(WARPS):
            generator.standardize(generator.random_transform(image, seed))

    return ours


def random_warps(size: tuple[int, int], way, threads: int = 1) -> tables.Figure:
    """All warps of training, one of these ways, beside others'; seconds of a thread's
    processor, or those that pass where each program may take several."""
    from end2end import augment
    from end2end.images import warps

    cv2.setNumThreads(threads)
    clock = time.thread_time if threads == 1 else time.perf_counter
    generator = augment.training_generator()
    plane = (np.random.default_rng(0).random(size) * 255).astype(np.float32)
    ours = way(generator, plane)

    def simple():
        for seed in range(3):
            with_scipy(plane, generator.draw(warps.seeded(seed), 3))

    able, notes = peers.installed(WARPING)
    works = {name: peer.build(plane) for name, peer in able.items()}

    def others(warped):
        for seed in range(3):
            warped(generator.draw(warps.seeded(seed), 3))

    times = [clocks.fastest(work, runs=9, clock=clock) for work in (
        ours, simple, *(lambda warped=warped: others(warped)
                        for warped in works.values()))]
    return tables.Figure(
        1e3 * times[0] / WARPS, 1e3 * times[0] / WARPS, "ms", 1e3 * times[1] / 3,
        "scipy.ndimage.affine_transform of each channel, as the original",
        1e3 * timing.copy_seconds(np.repeat(plane[..., None], 3, axis=2)),
        "copying the three channels", notes=notes,
        peers={name: 1e3 * seconds / 3
               for name, seconds in zip(works, times[2:], strict=True)})


def with_scipy(plane, warp):
    """The warp of three channels as Keras 2.0.8 does it."""
    from scipy import ndimage

    from end2end.images import warps

    image = np.repeat(plane[..., None], 3, axis=2)
    (a, b, down), (c, d, right) = warps.warp_matrix(warp, plane.shape)
    image = np.stack([ndimage.affine_transform(
        image[..., k], [[a, b], [c, d]], [down, right], order=0, mode="nearest")
        for k in range(3)], axis=2)
    return shifted_and_flipped(image, warp)


def warped_by_opencv(plane, warp):
    """The same with one call of OpenCV, which rounds positions to 1/32 of a pixel."""
    from end2end.images import warps

    (a, b, down), (c, d, right) = warps.warp_matrix(warp, plane.shape)
    moved = cv2.warpAffine(
        plane, np.array([[d, c, right], [b, a, down]]), plane.shape[::-1],
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
    return shifted_and_flipped(np.repeat(moved[..., None], 3, axis=2), warp)


def _opencv(plane):
    return lambda warp: warped_by_opencv(plane, warp)


def _torchvision(plane):
    """With its own shear, one zoom for both axes and zeros outside."""
    import torch
    from torchvision.transforms.v2 import functional

    torch.set_num_threads(cv2.getNumThreads())
    image = torch.from_numpy(plane)[None]

    def warped(warp):
        height, width = plane.shape
        moved = functional.affine(
            image, warp.rotation_degrees,
            [-warp.column_shift * width / warp.row_zoom,
             -warp.row_shift * height / warp.row_zoom], 1 / warp.row_zoom,
            [math.degrees(warp.shear_radians), 0.0],
            interpolation=functional.InterpolationMode.NEAREST).expand(3, -1, -1)
        low, high = moved.aminmax()
        moved = (moved + torch.tensor(warp.intensity_shifts)[:, None, None]).clamp(
            low, high)
        if warp.flip_vertical:
            moved = functional.vertical_flip(moved)
        if warp.flip_horizontal:
            moved = functional.horizontal_flip(moved)
        return (moved - 44.33).numpy()

    return warped


# From an image in grey to a function of a warp.
WARPING = {
    "cv2.warpAffine (some pixels are others) and NumPy": peers.Peer(("cv2",), _opencv),
    "torchvision (one zoom, zeros outside)": peers.Peer(
        ("torchvision",), _torchvision)}


def warped(name: str, plane: NDArray, warp: object) -> NDArray:
    """The three channels that a program of `WARPING` makes of an image in grey."""
    return WARPING[name].build(plane)(warp)


def shifted_and_flipped(image, warp):
    """The steps after the movement, in NumPy."""
    low, high = image.min(), image.max()
    image = np.stack([np.clip(image[..., k] + shift, low, high)
                      for k, shift in enumerate(warp.intensity_shifts)], axis=2)
    flips = (slice(None, None, -1 if flip else 1)
             for flip in (warp.flip_vertical, warp.flip_horizontal))
    return image[tuple(flips)] - np.float32(44.33)


def sampling_s10() -> tables.Figure:
    """The S10 patch set by `sampling.sample`."""
    with timing.scratch() as folder:
        source = timing.prepared(folder, patients=6)
        # A folder of its own for each run: replacing files waits for the disk.
        seconds, outcomes, jobs = zip(
            *(sampled(source, folder / f"run{k}") for k in range(4)), strict=True)
        paths = [path for outcome in outcomes[0] for path in outcome.paths]
        patches = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in paths]
        sources = [path for job in jobs[0] for path in (job.image, *job.masks)]
        times = (min(seconds),
                 clocks.fastest(lambda: with_opencv(sources, patches, folder), runs=2),
                 clocks.fastest(lambda: bare(sources, patches, folder)))
    ours, simple, limit = (1e3 * duration / len(jobs[0])
                            for duration in times)
    return tables.Figure(
        ours, ours, "ms per image", simple,
        "cv2.imread of image and masks, cv2.imwrite of the same patches", limit,
        "decoding image and masks, writing the patches' bytes, one thread",
        notes=(f"{len(paths) / len(jobs[0]):.1f} patches per image",))


def sampled(source: pathlib.Path, out: pathlib.Path, *more: str
            ) -> tuple[float, list, list]:
    """Seconds of sampling into a new folder, the outcomes and the jobs; `more` are
    flags."""
    from ddsm_train import sample_patches_combined as command
    from end2end import config
    from end2end.data.patches import roi_table, sampling

    arguments = command.parser().parse_args([
        str(source / "roi_mask_path.csv"), str(source / "mask"),
        str(everyone(source)), str(source / "full"), str(out / "train"),
        str(out / "val"), *S10, *more])
    options = config.fill(config.SamplingOptions, arguments)
    jobs = roi_table.plan(
        roi_table.Sources(arguments.roi_table, arguments.masks, arguments.patients,
                          arguments.images),
        arguments.train_out, arguments.val_out, options)
    outcomes = []
    seconds = clocks.seconds(lambda: outcomes.extend(
        sampling.sample(jobs, options, workers=arguments.workers)))
    return seconds, outcomes, jobs


def everyone(source: pathlib.Path) -> pathlib.Path:
    """A list of all patients of a prepared folder."""
    names = {"_".join(path.stem.split("_")[:2]) for path in (source / "full").iterdir()}
    path = source / "everyone.txt"
    path.write_text("".join(f"{name}\n" for name in sorted(names)), encoding="utf-8")
    return path


def with_opencv(sources, patches, folder):
    for path in sources:
        cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    for patch in patches:
        cv2.imwrite(str(folder / "patch.png"), patch)


def bare(sources, patches, folder):
    for path in sources:
        cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    for patch in patches:
        (folder / "patch.raw").write_bytes(patch.data)


def prepare() -> tables.Figure:
    """`ddsm_train.prepare` beside decoding, resizing and encoding alone.

    Importing scikit-learn and pandas takes as long as 50 files, once for any number of
    them; it is done before.
    """
    import pandas  # noqa: F401
    from sklearn import model_selection  # noqa: F401

    from benchmarks import networks
    from ddsm_train import prepare as command
    from end2end import phantoms
    from end2end.utils import processes

    workers = os.cpu_count()
    with timing.scratch() as folder:
        phantoms.write_cbis_ddsm(folder / "download", patients=8, size=(4096, 3072),
                                 workers=workers)
        with networks.silent():
            ours = clocks.seconds(lambda: command.main(
                [str(folder / "download"), str(folder / "out")]))
        used = files_used(folder / "download", folder / "out")

        def bare_program():
            with processes.pool(workers) as pool:
                list(pool.map(one_file, used))

        limit = clocks.seconds(bare_program)
        simple = clocks.seconds(lambda: list(map(with_defaults, used)))
    count = len(used)
    return tables.Figure(
        100 * limit / ours, ours / count, "s per file", simple / count,
        "pydicom, cv2.resize, cv2.imwrite in one process", limit / count,
        f"decode, resize, encode alone, {workers} processes",
        notes=(f"{count} files of 4096x3072, start of {workers} processes included",))


def files_used(download: pathlib.Path, out: pathlib.Path) -> list:
    """The mammograms and the masks, without crops and second copies."""
    from end2end.data import conversion
    from end2end.importing.sets import cbis_downloads as downloads
    from end2end.importing.sets import cbis_tables as tables

    index = downloads.Index(download, skip=out)
    paths = []
    for film in tables.merge(tables.read_tables(download)):
        job = downloads.make_job(film, index, out, (1152, 896))
        paths.append(job["images"][0][0])
        shape = conversion.read_shape(paths[-1])
        paths += [downloads.find_mask(mask["files"], shape)[0]
                  for mask in job["masks"]]
    return paths


def one_file(path: str | pathlib.Path) -> None:
    """Decodes, resizes and encodes one file with the settings of `prepare`."""
    import pydicom

    from end2end.data import conversion

    pixels = pydicom.dcmread(path).pixel_array
    small = cv2.resize(pixels, (896, 1152), interpolation=cv2.INTER_CUBIC)
    cv2.imencode(".png", small, conversion.PNG_SETTINGS)


def with_defaults(path: str | pathlib.Path) -> None:
    import pydicom

    pixels = pydicom.dcmread(path).pixel_array
    small = cv2.resize(pixels, (896, 1152), interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(pathlib.Path(path).with_suffix(".png")), small)
