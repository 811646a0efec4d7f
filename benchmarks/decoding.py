"""The row about compressed films: what is used beside each installed decoder."""

import pathlib
import time
from importlib.util import find_spec

import pydicom

from benchmarks import timing
from end2end.bench import tables
from end2end.utils import clocks

SIZE = (4096, 3328)
# Compressions without loss; the first is the one of the row.
SYNTAXES = (pydicom.uid.JPEG2000Lossless, pydicom.uid.JPEGLSLossless,
            pydicom.uid.RLELossless, pydicom.uid.HTJ2KLossless)


def decoding() -> tables.Figure:
    """A film in JPEG 2000 as `end2end.dicom` decodes it, beside plain pydicom and the
    fastest installed decoder; other compressions in notes."""
    notes, figures = [], []
    with timing.scratch() as folder:
        film = drawn(folder / "film.dcm")
        for syntax in SYNTAXES:
            if syntax == pydicom.uid.HTJ2KLossless and not find_spec("imagecodecs"):
                notes.append(f"{syntax.name}: not measured, imagecodecs, which packs a "
                             "film so, is not installed")
                continue
            ours, plain, alone = measured(film, syntax, folder / "packed.dcm")
            figures.append((ours, plain, alone))
            notes.append(f"{syntax.name}: here {ours:.3g} s, plain pydicom {plain:.3g} "
                         "s; decoders alone: " + ", ".join(
                             f"{name} {seconds:.3g} s"
                             for name, seconds in alone.items()))
    ours, plain, alone = figures[0]
    fastest = min(alone.values())
    return tables.Figure(
        ours / fastest, ours, "s per film", plain, "pydicom's pixel_array", fastest,
        "the fastest installed decoder alone", notes=tuple(notes), peers=alone)


def measured(film: pathlib.Path, syntax: pydicom.uid.UID, path: pathlib.Path
             ) -> tuple[float, float, dict[str, float]]:
    """Seconds of the processor for a film in a transfer syntax.

    Args:
        film: an uncompressed file.
        syntax: of `SYNTAXES`.
        path: of the compressed file, which is written.

    Returns:
        ours, pydicom's, and those of each installed decoder by name.
    """
    from end2end.dicom import parsing

    dataset = pydicom.dcmread(film)
    pack(dataset, syntax)
    dataset.save_as(path)
    decoder = pydicom.pixels.get_decoder(syntax)
    return (seconds(lambda: parsing.decoded_here(path, None)),
            seconds(lambda: pydicom.dcmread(path).pixel_array),
            {name: seconds(lambda name=name: decoder.as_array(
                dataset, decoding_plugin=name))
             for name in decoder.available_plugins})


def pack(dataset: pydicom.Dataset, syntax: pydicom.uid.UID) -> None:
    """Compresses an uncompressed film without loss."""
    if syntax != pydicom.uid.HTJ2KLossless:
        dataset.compress(syntax)
        return
    import imagecodecs

    dataset.PixelData = pydicom.encaps.encapsulate(
        [imagecodecs.htj2k_encode(dataset.pixel_array)])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = syntax


def seconds(work) -> float:
    return clocks.fastest(work, runs=3, clock=time.process_time)


def drawn(path: pathlib.Path) -> pathlib.Path:
    """A synthetic mammogram of full size as an uncompressed DICOM file."""
    from end2end.phantoms import drawing, mammography_file

    woman = drawing.draw_woman(1, seed=1, difficulty=0.3)
    pixels = drawing.render(
        woman, next(iter(woman.lesions)), next(iter(drawing.VIEWS)), SIZE)[0]
    mammography_file.write(
        path, pixels, dict(SOPInstanceUID=pydicom.uid.generate_uid()), bits=16)
    return path
