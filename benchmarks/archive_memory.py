"""Memory while an archive is scored: a long manifest of small images, tiny network.

    python benchmarks/archive_memory.py [--rows 100000] [--workers 2]

Prints the resident memory of the command and of its workers every tenth of the way.
Linux only. Rows name 300 distinct files again and again.
"""

import argparse
import os
import pathlib
import tempfile
import time


def resident(process: int) -> float:
    """Resident memory of a process in MB."""
    text = pathlib.Path(f"/proc/{process}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


def children(process: int) -> list[int]:
    """Processes that a process started."""
    listed = pathlib.Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(number) for number in listed.split()]


def make(folder: pathlib.Path, rows: int) -> None:
    """Writes images, the manifest and a network."""
    import cv2
    import keras
    import numpy as np

    from end2end import checkpoints, config
    from end2end.archive import shards

    rng = np.random.default_rng(1)
    for k in range(300):
        cv2.imwrite(str(folder / f"{k}.png"), rng.integers(0, 255, (32, 32), np.uint8))
    shards.write_rows(folder / "in.csv", ("path", "label"), (
        dict(path=f"{k % 300}.png", label=k % 2) for k in range(rows)))
    inside = keras.Input((16, 16, 1))
    x = keras.layers.Conv2D(4, 3, name="conv")(inside)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = keras.layers.Dense(2, activation="softmax", name="output")(x)
    checkpoints.save_model(keras.Model(inside, x), folder / "tiny.h5", dict(
        kind="whole_image", classes=["neg", "pos"],
        images=config.to_dict(config.ImageOptions(size=(16, 16)))))


def main() -> None:
    """Scores the manifest and prints memory by rows done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    from end2end.archive import __main__ as program
    from end2end.archive import shards, streamed, work

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        make(folder, arguments.rows)
        command = program.parser().parse_args([
            "predict", str(folder / "in.csv"), "--models", str(folder / "tiny.h5"),
            "--out", str(folder / "out"), "--batch-size", "100"])
        began, rows, shown = time.monotonic(), 0, 0
        for count in shards.run(
                command.table, command.out, work.predicting(command),
                workers=arguments.workers):
            rows += count
            if rows >= shown:
                workers = sorted((resident(child) for child in children(os.getpid())),
                                 reverse=True)[:arguments.workers]
                print(f"{rows:7d} rows  {time.monotonic() - began:6.1f} s  command "
                      f"{resident(os.getpid()):.0f} MB  workers "
                      + " ".join(f"{megabytes:.0f}" for megabytes in workers),
                      flush=True)
                shown += arguments.rows // 10
        began = time.monotonic()
        results = streamed.describe(folder / "out", runs=100)
        print(f"evaluated in {time.monotonic() - began:.1f} s, command "
              f"{resident(os.getpid()):.0f} MB: {results}")


if __name__ == "__main__":
    main()
