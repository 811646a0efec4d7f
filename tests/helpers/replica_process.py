"""One process of a training run, for test_replicas: a trunk of one convolution.

    python tests/helpers/replica_process.py FOLDERS OUT EPOCHS BATCH [--pause SECONDS]

`TF_CONFIG` and `NUM_GPU_DEVICES` act as on any training command.
"""

import argparse
import dataclasses
import functools
import json
import time

from end2end import config
from end2end.data import image_batches
from end2end.models import backbones
from end2end.training import experiment
from end2end.utils import commands

CLASSES = ("background", "malignant", "benign")


def trunk(x):
    from keras import layers

    x = layers.Conv2D(4, 3, strides=4, padding="same", name="block1_conv1")(x)
    return layers.Activation("relu", name="activation_1")(x)


def slowly(seconds):
    """Lets every batch take some time, so that a test can come between."""
    plain = image_batches.ImageBatches.batch

    @functools.wraps(plain)
    def batch(self, b):
        time.sleep(seconds)
        return plain(self, b)

    image_batches.ImageBatches.batch = batch


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folders")
    parser.add_argument("out")
    parser.add_argument("epochs", type=int)
    parser.add_argument("batch", type=int)
    parser.add_argument("--pause", type=float, default=0)
    arguments = parser.parse_args()
    backbones.BACKBONES["yaroslav"] = dataclasses.replace(
        backbones.BACKBONES["yaroslav"], build=trunk, features="activation_1",
        smallest=1)
    if arguments.pause:
        slowly(arguments.pause)
    report = experiment.run_patch_experiment(
        [f"{arguments.folders}/{split}" for split in ("train", "val", "test")],
        config.ImageOptions(size=(32, 24), intensity_scale=0.003891, pixel_mean=90.0),
        config.ModelOptions(backbone="yaroslav"),
        config.TrainingOptions(
            class_list=CLASSES, batch_size=arguments.batch, train_batch_multiplier=1,
            first_until_epoch=1, top_until_epoch=1, all_until_epoch=arguments.epochs,
            optimizer="adam", learning_rate=0.002, workers=1,
            best_model=f"{arguments.out}/best.h5"), say=commands.say)
    print(json.dumps(report.get("history")))


if __name__ == "__main__":
    commands.run(main)
