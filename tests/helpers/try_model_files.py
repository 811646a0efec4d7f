"""Loads model files of many Keras ages and compares their predictions.

    python tests/helpers/try_model_files.py FOLDER

FOLDER holds AGE/CASE/ with a model file `model*`, its inputs `X.npy`, `X1.npy`, ... and
the outputs `Y.npy`, `Y1.npy`, ... that the writing Keras computed. It prints a row per
age: equal (to 1e-5 of the greatest output), refused with a sentence, and what must not
be: wrong, or an exception. `tests/helpers/make_model_files.py` and any script of a few
lines in an old Keras write such folders.
"""

import collections
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
    from end2end import checkpoints
    from end2end.utils import files

    path = next(path for path in sorted(folder.iterdir())
                if path.name.startswith("model"))
    inputs, expected = arrays(folder, "X"), arrays(folder, "Y")
    try:
        model = checkpoints.load_model(path)
        outputs = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    except files.InputError as error:
        return "refused", str(error)
    # Whatever else is raised is what this program looks for.
    except Exception as error:
        return "exception", repr(error)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    error = max(float(np.abs(found - right).max() / max(np.abs(right).max(), 1e-6))
                for found, right in zip(outputs, expected, strict=True))
    return ("equal" if error <= TOLERANCE else "wrong"), f"{error:.1e}"


def main(folder):
    """Prints the table, and each case that must not be; returns the status."""
    import keras

    bad = 0
    print("| age |", " | ".join(ENDINGS), "|")
    print("| --- |" + " --- |" * len(ENDINGS))
    for age in sorted(path for path in pathlib.Path(folder).iterdir() if path.is_dir()):
        counts = collections.Counter()
        for case in sorted(path.parent for path in age.glob("*/X.npy")):
            name, reason = ending(case)
            counts[name] += 1
            keras.backend.clear_session()
            if name in ENDINGS[2:]:
                bad += 1
                print(f"{case}: {name}: {reason}", file=sys.stderr)
        print(f"| {age.name} |", " | ".join(str(counts[name]) for name in ENDINGS), "|")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
