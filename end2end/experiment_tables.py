"""Tables of experiments: published values, and ours beside them."""

SYNTHETIC = (
    "Ours: synthetic mammograms and a small network (--scale demo). These values say "
    "nothing about women and are not the paper's.")


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


def listing(rows):
    """Every experiment with source, published value and expected hours.

    Args:
        rows: experiments with name, source, published, hours and perhaps title.
    """
    lines = [f"{'name':34s} {'published':18s} {'hours':>6s}  source"]
    for row in rows:
        title = getattr(row, "title", "")
        lines.append(f"{row.name:34s} {published(row):18s} {row.hours:6.1f}  "
                     f"{row.source}{': ' if title else ''}{title}")
    lines.append("Hours: training alone, on a GPU that sustains 10 TFLOP/s, by "
                 "counting operations; not measured.")
    return "\n".join(lines)


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
