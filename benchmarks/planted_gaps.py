"""How often a gap of one group is found and named the worst, and how often none is one.

    python -m benchmarks.planted_gaps [--sets 400] [--rows 600 2400]

Two breasts of each woman, an AUC of 0.9, three in ten with cancer; two columns of two
and four groups, of which one of four has a lower AUC.
"""

import argparse

import numpy as np
from scipy import special

from end2end.metrics import subgroups

AREA, LOSSES, GROUP = 0.9, (0.0, 0.05, 0.1, 0.2), ("second", "c")
# Spread of the scores within a class: half that of a woman, and that of a breast.
SPREAD = 1.25**0.5


def women(rng: np.random.Generator, count: int, loss: float) -> tuple:
    """Labels, scores, columns and women of `count` breasts."""
    keys = np.repeat(np.arange(count // 2), 2)
    labels = rng.random(count) < 0.3
    columns = dict(first=rng.choice(["x", "y"], count // 2)[keys],
                   second=rng.choice(["a", "b", "c", "d"], count // 2)[keys])
    area = np.where(columns["second"] == "c", AREA - loss, AREA)
    scores = (0.5 * rng.normal(size=count // 2)[keys] + rng.normal(size=count)
              + special.ndtri(area) * SPREAD * 2**0.5 * labels)
    return labels, scores, columns, keys


def rates(count: int, loss: float, sets: int) -> tuple[float, float, float]:
    """Shares of the sets in which the group is found, is the worst, and in which
    another group, or any where there is no gap, is taken for one."""
    rng, hits = np.random.default_rng(7), np.zeros(3)
    for _ in range(sets):
        labels, scores, columns, keys = women(rng, count, loss)
        rows = subgroups.describe(labels, scores, columns, threshold=0.9, groups=keys)
        beyond = {(row.column, row.value) for row in rows if row.gap is not None
                  and row.gap.adjusted <= subgroups.RATE}
        worst = subgroups.worst(rows)
        # Beside the gap, the rest of its own column differs too.
        false = {row for row in beyond if not loss or row[0] == "first"}
        hits += [GROUP in beyond, worst is not None and worst.value == GROUP[1],
                 bool(false)]
    return tuple(hits / sets)


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=400)
    parser.add_argument("--rows", type=int, nargs="+", default=[600, 2400])
    arguments = parser.parse_args()
    print("| rows | AUC of the group lower by | found | named the worst | "
          "false alarm |\n|---|---|---|---|---|")
    for count in arguments.rows:
        for loss in LOSSES:
            found, worst, false = rates(count, loss, arguments.sets)
            cells = ("-", "-") if not loss else (f"{found:.2f}", f"{worst:.2f}")
            print(f"| {count} | {loss:g} | {' | '.join(cells)} | {false:.3f} |")


if __name__ == "__main__":
    main()
