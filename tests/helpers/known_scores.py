"""Scores by formula, whose statistics other programs have printed.

R 4.2.2 with pROC 1.18.0 and dcurves 1.1.7 were given the same numbers; what they
printed stands in the tests.
"""

import numpy as np

CASES = np.arange(60)
LABELS = (CASES % 3 == 0).astype(int)
FIRST = ((37 * CASES) % 101 + 30 * LABELS) / 131
SECOND = ((53 * CASES) % 97 + 20 * LABELS) / 117


def ratings() -> tuple[np.ndarray, np.ndarray]:
    """Labels of 24 cases and ratings `(2 tests, 3 readers, 24)`."""
    case = np.arange(24)
    labels = (case % 2 == 0).astype(int)
    return labels, np.array([[
        ((7 + 2 * r + 5 * t) * case + 3 * t * r * case) % (19 + 2 * r)
        + (6 + t) * labels
        for r in (1, 2, 3)] for t in (1, 2)], float)
