"""Tables of experiments: published values, and ours beside them."""

SYNTHETIC = (
    "Ours: synthetic mammograms and a small network (another --scale than paper). "
    "These values say nothing about women and are not the paper's.")


def shown(value, interval=None):
    """A value with its interval, two digits; `-` for none."""
    if value is None:
        return "-"
    ends = f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else ""
    return f"{value:.2f}{ends}"


def published(row):
    """The published accuracy or AUC of an experiment: `0.86 [0.83, 0.89]`."""
    value = row.published.get("accuracy") or row.published.get("auc")
    return shown(value, row.published.get("interval"))


HOURS = (
    "Hours: training alone, on a GPU that sustains 10 TFLOP/s, by counting operations; "
    "not measured.")


def listing(rows, *, prefix=""):
    """Every experiment with source, published value and expected hours, as Markdown.

    Args:
        rows: experiments with name, source, published, hours and perhaps title.
        prefix: of the make targets.
    """
    lines = ["| make | source | what | published | hours |", "|---|---|---|---|---|"]
    for row in rows:
        value = published(row)
        if row.published.get("flipped_auc"):
            value += f"; with flips {row.published['flipped_auc']:.2f}"
        lines.append(
            f"| `{prefix}{row.name}` | {row.source} | {getattr(row, 'title', '')} | "
            f"{value.removeprefix('-; ')} | {row.hours:.1f} |")
    return "\n".join([*lines, "", HOURS])


def together(found):
    """Values of several runs as text: one with its interval, or mean and range.

    Args:
        found: list of None, whole numbers, or (value, interval or None).
    """
    found = [one for one in found if one is not None]
    if not found:
        return "-"
    if isinstance(found[0], int):
        return ", ".join(map(str, found))
    if len(found) == 1:
        return shown(*found[0])
    values = [value for value, _ in found]
    return (f"{sum(values) / len(values):.2f} ({min(values):.2f} to {max(values):.2f}, "
            f"{len(values)} seeds)")


def markdown(columns, rows, *, synthetic):
    """A table as Markdown, with a warning under it where it is from synthetic images.

    Args:
        columns: headings.
        rows: tuples of texts.
        synthetic: whether ours are from phantoms.
    """
    lines = ["", f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines + (["", SYNTHETIC] if synthetic else []))
