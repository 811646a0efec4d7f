"""No patient's name, birth date or number leaves a DICOM file unless asked for."""


class Pseudonyms:
    """Names such as `patient 001`, stable within a run, in order of first use.

    Args:
        keep_ids: hand identifiers through unchanged.
        start: how many names are taken already.
    """

    def __init__(self, keep_ids=False, *, start=0):
        self.keep_ids = keep_ids
        self._start = start
        self._known = {}

    def __call__(self, patient_id):
        """The name of a patient; empty where the identifier is unknown."""
        if self.keep_ids or not patient_id:
            return patient_id or ""
        number = self._known.setdefault(
            patient_id, self._start + len(self._known) + 1)
        return f"patient {number:03d}"
