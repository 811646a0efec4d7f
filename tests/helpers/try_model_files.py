"""Loads model files of many Keras ages and compares their predictions.

    python tests/helpers/try_model_files.py FOLDER [AGE ...] 2> cases.txt

FOLDER holds AGE/CASE/ with a model file `model*`, its inputs `X.npy`, `X1.npy`, ... and
the outputs `Y.npy`, `Y1.npy`, ... that the writing Keras computed. It prints a row per
age, and each case to the standard error: equal (to 1e-5 of the greatest output),
refused with a sentence, and what must not be: wrong, or an exception.
`tests/helpers/make_model_files.py` and any script of a few lines in an old Keras write
such folders. The cost of the networks is not tried (`checkpoints.trials`), which says
nothing about their outputs.
"""

import collections
import gc
import os
import pathlib
import sys

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
TOLERANCE = 1e-5
ENDINGS = ("equal", "refused", "wrong", "exception")


def arrays(folder, letter):
    """`X.npy`, `X1.npy`, ... in order."""
    paths = [folder / f"{letter}.npy"]
    while (following := folder / f"{letter}{len(paths)}.npy").exists():
        paths.append(following)
    return [np.load(path) for path in paths]


def ending(folder):
    """One of `ENDINGS`, and why."""
    import keras

    from end2end import checkpoints
    from end2end.utils import files

    path = next(path for path in sorted(folder.iterdir())
                if path.name.startswith("model"))
    inputs, expected = arrays(folder, "X"), arrays(folder, "Y")
    try:
        model, _ = checkpoints.saved_models.read(path, tried=True)
        # Without the graph that `predict` makes first, which takes most of its time.
        outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    except files.InputError as error:
        return "refused", str(error)
    # Whatever else is raised is what this program looks for.
    except Exception as error:
        return "exception", repr(error)
    outputs = [keras.ops.convert_to_numpy(output) for output in (
        outputs if isinstance(outputs, (list, tuple)) else [outputs])]
    error = max(float(np.abs(found - right).max() / max(np.abs(right).max(), 1e-6))
                for found, right in zip(outputs, expected, strict=True))
    return ("equal" if error <= TOLERANCE else "wrong"), f"{error:.1e}"


def main(folder, *ages):
    """Prints the table, and each case that must not be; returns the status."""
    import keras

    from end2end import checkpoints

    # What is imported stays: without looking through it each time, Keras forgets a
    # model ten times as fast.
    assert checkpoints.saved_models
    gc.freeze()
    bad = 0
    print("| age |", " | ".join(ENDINGS), "|")
    print("| --- |" + " --- |" * len(ENDINGS))
    for age in sorted(path for path in pathlib.Path(folder).iterdir()
                      if path.is_dir() and (not ages or path.name in ages)):
        counts = collections.Counter()
        for case in sorted(path.parent for path in age.glob("*/X.npy")):
            name, reason = ending(case)
            counts[name] += 1
            print(f"{age.name}/{case.name}: {name}: {reason}", file=sys.stderr)
            keras.backend.clear_session()
            if name in ENDINGS[2:]:
                bad += 1
        print(f"| {age.name} |", " | ".join(str(counts[name]) for name in ENDINGS), "|",
              flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
