"""Tables of scores and of readers, for the commands on evidence."""

import csv
import json
import pathlib

import figure_values
import numpy as np

from end2end.evidence import inputs
from end2end.metrics import __main__ as program
from end2end.reports import report, score_tables


def write(path: pathlib.Path, columns: dict) -> pathlib.Path:
    """A CSV file of columns by name."""
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def scored(count: int = 300, *, seed: int = 0, distance: float = 1.5) -> dict:
    """Columns of a score table, two breasts of each woman."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(count) < 0.3).astype(int)
    logits = rng.normal(size=count) + distance * labels - 1
    return dict(
        path=[f"{seed}/{i}.png" for i in range(count)],
        patient=[f"P{i // 2}" for i in range(count)],
        laterality=["LR"[i % 2] for i in range(count)],
        label=labels, score=(1 / (1 + np.exp(-logits))).round(6))


def study(count: int = 120, *, readers: int = 4, seed: int = 0) -> dict:
    """Columns of a wide reader study, with a good and a poor model."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 4 == 0
    case = rng.normal(size=count) + 1.2 * labels
    columns = dict(case_ID=[i // 2 for i in range(count)],
                   label=[f"{label:.1f}" for label in labels])
    for reader in range(readers):
        rating = 1 / (1 + np.exp(-case - rng.normal(size=count) + 2))
        columns[f"Reader{reader + 1:02}"] = rating.round(2)
    columns["AI_good"] = (case + labels).round(4)
    columns["AI_poor"] = rng.normal(size=count).round(4)
    return columns


def findings(monkeypatch, words: list) -> str:
    """All that a command says and draws, as text for `recorded.check`."""
    kept = []
    monkeypatch.setattr(inputs, "finish", lambda found, out: kept.append(found) or [])
    program.main([*map(str, words), "--out", "out"])
    (found,) = kept
    rows = [found.title, str(dict(found.cases))]
    for section in found.sections:
        rows += (score_tables.as_text(section) if isinstance(section, report.Table)
                 else [f"{type(section).__name__}: {section.text}"])
    rows.append(json.dumps(inputs.as_json(found.results), indent=1))
    for name, caption, figure in found.pictures:
        rows += [f"{name}: {caption}", figure_values.described(figure)]
    return "\n".join(rows)
