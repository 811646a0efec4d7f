"""A manifest of INbreast's kind, and steps that are noted instead of run."""

from end2end.utils import files


def write_manifest(folder, *, patients=12, split="train"):
    """A manifest of two empty images of each patient; every third one is positive."""
    lines = ["path,label,patient,split"]
    for number in range(patients):
        for view in ("CC", "MLO"):
            (folder / f"p{number}_{view}.png").write_bytes(b"")
            part = "test" if number >= 9 else split
            label = int(number % 3 == 0)
            lines.append(f"p{number}_{view}.png,{label},p{number},{part}")
    (folder / "images.csv").write_text("\n".join(lines) + "\n")
    return folder / "images.csv"


def results_of(monkeypatch, steps):
    """Makes `steps.perform` note the steps; tests get results of their own.

    Args:
        monkeypatch: of pytest.
        steps: the module `end2end.utils.steps`.

    Returns:
        the list that the steps are added to.
    """
    asked = []

    def perform(step, out):
        asked.append(step)
        words = [str(word) for word in step.command]
        if words[0].endswith("evaluate"):
            folder = words[words.index("--out") + 1]
            auc = 0.5 + len(asked) / 100
            files.write_json(f"{folder}/results.json", dict(
                plain=dict(auc=auc, auc_interval=[auc - 0.1, auc + 0.1],
                           count=30, positive=10),
                flips=dict(auc=auc)))

    monkeypatch.setattr(steps, "perform", perform)
    return asked
