"""What a run of predictions keeps beside its rows, so that a later call can go on.

`scores.csv` has `scores.run.json`: what determines the scores (models by content,
settings), and which pseudonym belongs to which patient. Patients' numbers are kept only
as slow salted hashes; remove the file once no call is to follow.
"""

import hashlib
import os
import secrets

from end2end.utils import files

# About 40 ms a patient: numbers are short, so guessing all of them must be slow.
SCRYPT = dict(n=1 << 14, r=8, p=1, dklen=16)
SENTENCES = {
    "models": "with another model or other settings of it",
    "images": "with another --rescale-factor, --featurewise-mean or --img-size",
    "frame": "with another --frame",
    "flips": "with other flips (--flips)",
    "keep_ids": "with the other choice of --keep-ids",
}


def settings(models, arguments, images):
    """What determines the rows, as a dict that survives JSON.

    Args:
        models: paths.
        arguments: of `predict.parser`.
        images: fields of `ImageOptions` that were typed.
    """
    def content(path):
        beside = path.with_suffix(".config.json")
        return [files.sha256(one) for one in (path, beside) if one.is_file()]
    return dict(models=[content(path) for path in models],
                images={name: list(value) if isinstance(value, tuple) else value
                        for name, value in images.items()}, frame=arguments.frame,
                flips=arguments.flips, keep_ids=arguments.keep_ids)


class Record:
    """Settings and pseudonyms of one score file; call it with a patient's number.

    Args:
        out: the score file.
        wanted: `settings` of this call.
        rows: how many rows the score file has already.

    Raises:
        files.InputError: the rows were made with other settings, or nobody knows how.
    """

    def __init__(self, out, wanted, *, rows):
        self.path = out.with_suffix(".run.json")
        self._names = {}
        self._content = dict(settings=wanted, salt=secrets.token_hex(16), patients={})
        if rows:
            self._content = self._earlier(out, wanted)
        else:
            self._save()

    def _earlier(self, out, wanted):
        if not self.path.exists():
            raise files.InputError(
                f"{out} has rows, but {self.path.name}, which says how they were made, "
                "is missing; restore it or choose another --out.")
        found = files.read_json(self.path, "record of earlier predictions")
        if not (isinstance(found, dict) and isinstance(found.get("settings"), dict)
                and isinstance(found.get("patients"), dict)
                and isinstance(found.get("salt"), str)):
            raise files.InputError(
                f"{self.path} is no record of predictions; choose another --out.")
        for name, words in SENTENCES.items():
            if found["settings"].get(name) != wanted[name]:
                raise files.InputError(
                    f"{out} was written {words}; choose another --out, or remove it.")
        return found

    def _save(self):
        files.write_json(self.path, self._content)
        os.chmod(self.path, 0o600)

    def __call__(self, patient_id):
        """The pseudonym of a patient; empty where the identifier is unknown."""
        if not patient_id or self._content["settings"]["keep_ids"]:
            return patient_id or ""
        if patient_id not in self._names:
            self._names[patient_id] = self._number(patient_id)
        return f"patient {self._names[patient_id]:03d}"

    def _number(self, patient_id):
        known = self._content["patients"]
        digest = hashlib.scrypt(
            patient_id.encode(), salt=self._content["salt"].encode(), **SCRYPT).hex()
        if digest not in known:
            known[digest] = len(known) + 1
            # Before any row has the name, so that no later patient gets it.
            self._save()
        return known[digest]
