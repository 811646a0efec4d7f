"""The commands of every experiment, for comparison with those of an earlier day."""

import hashlib
import pathlib
import tempfile

import ddsm_train.pipeline as ddsm
import inbreast.pipeline as inbreast
from end2end import experiments
from end2end.utils import files


def settings() -> dict:
    """Flags of the rows on CBIS-DDSM, rows on INbreast, and digests of all commands.

    Returns:
        dict with `flags` (by name, as typed), `inbreast` (by name) and `commands`
        (SHA-256 of the commands of each experiment, by scale and name).
    """
    return dict(
        flags={row.name: " ".join(map(str, row.flags))
               for row in ddsm.named.EXPERIMENTS.values() if row.flags},
        inbreast={row.name: [row.model, row.patients, row.recipe, list(row.needs)]
                  for row in inbreast.named.EXPERIMENTS.values()},
        commands={scale: _digests(scale) for scale in ddsm.steps.SCALES})


def _digests(scale):
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder)
        files.write_json(out / "data" / "census.json", {"pixel_mean": 50.0})
        size = ddsm.steps.SCALES[scale]
        data = out / "download" if size.phantoms is None else None
        run = experiments.Run(out, size, 1, data)
        digests = {}
        for row in ddsm.named.EXPERIMENTS.values():
            chain = [*ddsm.steps.data_steps(run), *ddsm.steps.row_steps(row, run, True)]
            text = "\n".join(" ".join(map(str, step.command)) for step in chain)
            digests[row.name] = hashlib.sha256(
                text.replace(str(out), "OUT").encode()).hexdigest()[:16]
        return digests
