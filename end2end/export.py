"""Writes a model for other programs and checks that it computes the same.

    end2end export best.h5 --to onnx
    end2end export best.h5 --to savedmodel --image mammogram.png
    end2end export best.h5 --to keras
    end2end export best.h5 --to openvino --eight-bits validation/

The result is compared with Keras's output on the images given (without any, on random
input of the right range), and the settings are put beside it as JSON: whoever uses it
must prepare images exactly so. onnx needs the extra `export`, openvino the extra
`fast`; `end2end predict --fast` uses what openvino writes. Exit status 1: the result
differs, or eight bits were refused.
"""

import dataclasses
import functools
import json
import os
import pathlib
import shutil
import zipfile
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from end2end import checkpoints, images, models, prediction
from end2end.config import model_flags
from end2end.utils import commands, distribution, files, locks

OPENVINO = "openvino"
# Name of the card inside a .keras file.
CARD = "end2end"
# Greatest difference of a probability; float32 in another order makes about 1e-6.
TOLERANCE = 1e-4


@dataclasses.dataclass(frozen=True)
class Format:
    """One kind of exported model.

    Attributes:
        keras_name: of Keras's own exporter; None for what this program writes.
        suffix: of the file or folder.
        packages: modules that must be installed.
        run: (path, float32 batch of one) to probabilities, without this program.
        extra: of setup.py, which brings the packages.
    """

    keras_name: str | None
    suffix: str
    packages: tuple
    run: Callable
    extra: str = "export"


def _views(image):
    """The arrays of a batch: one, or CC and MLO."""
    return image if isinstance(image, list) else [image]


def _run_onnx(path, image):
    import onnxruntime
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [place.name for place in session.get_inputs()]
    return session.run(None, dict(zip(names, _views(image), strict=True)))[0]


def _run_keras(path, image):
    import keras
    return keras.models.load_model(path, compile=False).predict_on_batch(image)


def _run_savedmodel(path, image):
    import tensorflow as tf
    # Its variables live only as long as the loaded object.
    loaded = tf.saved_model.load(str(path))
    return loaded.serve(image).numpy()


def _run_tflite(path, image):
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        from tensorflow.lite.python.interpreter import Interpreter
    interpreter = Interpreter(model_path=str(path))
    # By name, which ends in the number of the input.
    places = sorted(interpreter.get_input_details(), key=lambda row: row["name"])
    for place, view in zip(places, _views(image), strict=True):
        interpreter.resize_tensor_input(place["index"], view.shape)
    interpreter.allocate_tensors()
    for place, view in zip(places, _views(image), strict=True):
        interpreter.set_tensor(place["index"], view)
    interpreter.invoke()
    (output,) = interpreter.get_output_details()
    return interpreter.get_tensor(output["index"])


def _run_openvino(path, image):
    return prediction.stored_networks.exact(path)(image)


FORMATS = {
    "keras": Format(None, ".keras", (), _run_keras),
    "onnx": Format("onnx", ".onnx", ("tf2onnx", "onnxruntime"), _run_onnx),
    "savedmodel": Format("tf_saved_model", ".savedmodel", (), _run_savedmodel),
    "tflite": Format("litert", ".tflite", (), _run_tflite),
    # As `stored_networks.SUFFIX`, which --help need not load.
    OPENVINO: Format(None, ".openvino", ("openvino",), _run_openvino, "fast"),
}


def settings_path(path: pathlib.Path) -> pathlib.Path:
    """Where the JSON of an exported model lies: `best.onnx.config.json`."""
    return path.with_name(f"{path.name}.config.json")


def check(kind: str, out: pathlib.Path) -> None:
    """Checks what can be checked before a model is loaded.

    Raises:
        files.InputError: a package is missing, or a folder is in the way.
    """
    distribution.require(
        *FORMATS[kind].packages, purpose=f"--to {kind}", extra=FORMATS[kind].extra)
    if out.is_dir():
        raise files.InputError(
            f"{out} exists already; remove it or name another place with --out.")


def check_eight_bits(kind: str) -> None:
    """Raises `files.InputError` where --eight-bits cannot be had."""
    if kind != OPENVINO:
        raise files.InputError(
            f"--eight-bits is for --to {OPENVINO}; leave it out with --to {kind}.")
    prediction.eight_bits.check()


def export(classifier: "checkpoints.Classifier", kind: str, out: pathlib.Path,
           arrays: Sequence[NDArray], *,
           write: Callable[[pathlib.Path], None] | None = None) -> float:
    """Exports a classifier and compares it with Keras.

    Args:
        classifier: a `checkpoints.Classifier`.
        kind: a row of `FORMATS`.
        out: path of the file or folder to write.
        arrays: float32 batches of one image, network inputs; of a model of two views
            lists of both.
        write: puts the model at a path, where Keras cannot.

    Returns:
        the greatest difference of a probability.

    Raises:
        ArithmeticError: it is above `TOLERANCE`; nothing is written.
    """
    target = FORMATS[kind]
    # Keras exports a model only after its first call.
    expected = [np.asarray(classifier.model(array, training=False))
                for array in arrays]
    with _replacing(out) as part:
        if write:
            write(part)
        elif target.keras_name is None:
            classifier.model.save(part)
            with zipfile.ZipFile(part, "a") as archive:
                archive.writestr(f"{CARD}.json", json.dumps(
                    settled_card(classifier), default=str))
        else:
            classifier.model.export(
                str(part), format=target.keras_name, verbose=False)
        difference = max(float(np.abs(target.run(part, array) - scores).max())
                         for array, scores in zip(arrays, expected, strict=True))
        if not difference <= TOLERANCE:
            raise ArithmeticError(
                f"the exported model differs from Keras by {difference:.2g}, more than "
                f"{TOLERANCE}; nothing is written.")
    files.write_json(settings_path(out), settled_card(classifier) | {
        "exported": {"format": kind, "difference": difference,
                     "checked_images": len(arrays)}})
    return difference


def convert(classifier: "checkpoints.Classifier", model: pathlib.Path,
            validation: pathlib.Path | None = None
            ) -> tuple[Callable[[pathlib.Path], None], tuple[str, ...]]:
    """Converts a network to OpenVINO and, with labelled images, to eight bits.

    Args:
        classifier: of one image.
        model: path of its file, by which the folder is known to be valid.
        validation: see `eight_bits.trial`; what they show is printed.

    Returns:
        what puts the folder at a path, and why eight bits were refused, sentences.

    Raises:
        files.InputError: the images cannot be used.
        ArithmeticError: OpenVINO computes something else than Keras.
    """
    engines, eight_bits = prediction.engines, prediction.eight_bits
    images_of_trial = eight_bits.trial(classifier, validation) if validation else None
    exact = engines.converted(classifier.model)
    precision = engines.quickest(exact, classifier.model, classifier.images).precision
    stored = prediction.stored_networks
    graphs, figures, refusals = {stored.EXACT: exact}, None, ()
    if images_of_trial:
        rounded, result = eight_bits.quantized(exact, images_of_trial)
        refusals = result.refusals
        commands.say("Eight bits: " + ".\n  ".join(result.sentences()) + ".")
        if not refusals:
            graphs[stored.EIGHT_BITS] = rounded
        figures = dataclasses.asdict(result) | dict(
            accepted=not refusals, refusals=refusals)
    return functools.partial(
        stored.write, model=model, graphs=graphs, card=settled_card(classifier),
        precision=precision, eight_bits=figures), refusals


def settled_card(classifier: "checkpoints.Classifier") -> dict:
    """The card of a model with what was settled on loading it.

    Classes that nobody named are not written, so that whoever reads it is told.
    """
    known = {"cautions": classifier.cautions} if classifier.cautions else {
        "classes": classifier.classes}
    return classifier.card | known | {
        "images": dataclasses.asdict(classifier.images), "name": classifier.name}


class _replacing:
    """`files.replacing`, for a folder too."""

    def __init__(self, out):
        self.out = pathlib.Path(out)
        # As the parts of `files.replacing`, so that `locks` finds it after a kill.
        self.part = self.out.with_name(
            f".{self.out.stem}.{os.getpid()}.part{self.out.suffix}")

    def __enter__(self):
        self.out.parent.mkdir(parents=True, exist_ok=True)
        return self.part

    def __exit__(self, kind, *_):
        if kind is None:
            self.part.replace(self.out)
        elif self.part.is_dir():
            shutil.rmtree(self.part)
        else:
            self.part.unlink(missing_ok=True)


def inputs(classifier: "checkpoints.Classifier",
           paths: Sequence[pathlib.Path]) -> list[NDArray]:
    """Network inputs for the comparison: the images given, or random ones; of a model
    of two views lists of both."""
    if classifier.takes_breasts:
        views = models.random_input(classifier.model, size=classifier.images.size)
        return [[view[:1] for view in views], [view[1:] for view in views]]
    if paths:
        return [images.to_input(images.read_image(path), classifier.images)[None]
                for path in paths]
    batch = models.random_input(classifier.model, size=classifier.images.size)[0]
    return [batch[:1], batch[1:]]


def parser() -> commands.Parser:
    """Parser of the command line."""
    parser = commands.Parser(program="end2end.export", description=__doc__)
    parser.add_argument("model", metavar="MODEL", type=pathlib.Path,
                        help="a .h5 or .keras file")
    parser.add_argument("--to", required=True, choices=FORMATS, help="kind of file")
    parser.add_argument("--out", type=pathlib.Path,
                        help="where to write it (default: beside the model)")
    parser.add_argument("--image", nargs="+", default=[], type=pathlib.Path,
                        metavar="IMAGE", help="mammograms for the comparison")
    parser.add_argument("--eight-bits", type=pathlib.Path, metavar="VALIDATION",
                        help="with --to openvino: eight-bit integers too, if AUC and "
                             "operating points stay on these labelled images (manifest "
                             "or folder with neg and pos)")
    model_flags.add(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Exports one model and prints how far it is from Keras."""
    arguments = parser().parse_args(argv)
    kind = arguments.to
    files.existing_file(arguments.model, "model")
    for path in arguments.image:
        files.existing_file(path, "image")
    out = arguments.out or arguments.model.with_suffix(FORMATS[kind].suffix)
    if out.suffix != FORMATS[kind].suffix:
        raise files.InputError(
            f"--out {out}: expected a name that ends in {FORMATS[kind].suffix}.")
    check(kind, out)
    if arguments.eight_bits:
        check_eight_bits(kind)
    classifier = checkpoints.load_classifier(
        arguments.model, output_options=model_flags.typed(arguments), breasts=True)
    if classifier.takes_breasts and arguments.image:
        raise files.InputError(
            f"model {arguments.model} takes two views; it is compared on random input. "
            "Leave out --image.")
    if classifier.takes_breasts and kind == OPENVINO:
        raise files.InputError(
            f"model {arguments.model} takes two views; --to {OPENVINO} is for models "
            "of one image. Take onnx.")
    commands.say(f"Exporting {classifier.name} to {out}")
    write, refusals = None, ()
    try:
        with locks.output_file(out):
            if kind == OPENVINO:
                write, refusals = convert(
                    classifier, arguments.model, arguments.eight_bits)
            difference = export(
                classifier, kind, out, inputs(classifier, arguments.image), write=write)
    except ArithmeticError as error:
        commands.say(f"error: {error}")
        return 1
    checked = f"{len(arguments.image)} images" if arguments.image else "random input"
    commands.say(
        f"Wrote {out}; on {checked} it differs from Keras by {difference:.1e}.\n"
        f"Prepare images as {settings_path(out)} says.")
    if refusals:
        commands.say(f"Eight bits are refused, float32 is kept: {'; '.join(refusals)}.")
    return 1 if refusals else 0


if __name__ == "__main__":
    commands.run(main)
