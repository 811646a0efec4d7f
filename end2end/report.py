"""One self-contained HTML page about an experiment; needs no network.

    report.write_report("report.html", [
        report.Heading("Result"), report.Table(("set", "AUC"), [("test", 0.9)]),
    ], title="Demo", trained_on="synthetic mammograms only")

Everything is escaped; pictures are inside the page.
"""

import base64
import dataclasses
import html

from end2end import files

RESEARCH = ("Research use only. This is not a medical device; no score here may guide "
            "the care of a patient.")
MEANING = ("A score is the network's output for the class “pos” (cancer), between 0 "
           "and 1. It ranks images by suspicion; it is not the probability that a "
           "woman has cancer, and scores of different models cannot be compared.")
CITE = ("Shen L, Margolies LR, Rothstein JH, Fluder E, McBride R, Sieh W. Deep "
        "Learning to Improve Breast Cancer Detection on Screening Mammography. "
        "Scientific Reports 9, 12495 (2019). doi:10.1038/s41598-019-48995-4")
KINDS = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}


@dataclasses.dataclass(frozen=True)
class Heading:
    """A heading; level 2 or 3."""

    text: str
    level: int = 2


@dataclasses.dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclasses.dataclass(frozen=True)
class Table:
    """A table; cells are texts or numbers."""

    columns: tuple
    rows: list
    caption: str = ""


@dataclasses.dataclass(frozen=True)
class Figure:
    """A picture: bytes of PNG, JPEG, WebP or SVG, and what it shows."""

    image: bytes
    caption: str


@dataclasses.dataclass(frozen=True)
class Gallery:
    """Small pictures in a row: pairs of image bytes and caption."""

    items: list
    caption: str = ""


@dataclasses.dataclass(frozen=True)
class Case:
    """One image with its score.

    Attributes:
        name: of the image.
        image: bytes of PNG, JPEG or WebP.
        score: of cancer, 0 to 1.
        label: 0, 1 or None where unknown.
        layers: pairs of name and image bytes (with transparency), laid over it.
        details: further columns, by name.
    """

    name: str
    image: bytes
    score: float
    label: int | None = None
    layers: tuple = ()
    details: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Cases:
    """Images with their scores, the most wrong first."""

    cases: list
    caption: str = ""


def write_report(path, sections, *, title, trained_on):
    """Writes a report, atomically.

    Args:
        path: of the .html file.
        sections: `Heading`, `Text`, `Table`, `Figure`, `Gallery`, `Cases`, in order.
        title: of the page.
        trained_on: what data the model was trained on, a sentence or its end.

    Returns:
        `path`.
    """
    files.write_text(path, page(sections, title=title, trained_on=trained_on))
    return path


def page(sections, *, title, trained_on):
    """The report as text of HTML."""
    body = "\n".join(RENDERERS[type(section)](section) for section in sections)
    notice = "".join(f"<p>{html.escape(text)}</p>" for text in (
        RESEARCH, MEANING, f"Trained on: {trained_on}"))
    return PAGE.format(title=html.escape(title), notice=notice, body=body,
                       cite=html.escape(CITE))


def data_uri(image):
    """Image bytes as an address inside the page."""
    kind = next((kind for start, kind in KINDS.items() if image.startswith(start)),
                "image/svg+xml")
    return f"data:{kind};base64,{base64.b64encode(image).decode()}"


def shown(value):
    """A cell's text; floats with three decimals."""
    if isinstance(value, float):
        return f"{value:.3f}"
    return "" if value is None else str(value)


def _heading(section):
    return f"<h{section.level}>{html.escape(section.text)}</h{section.level}>"


def _text(section):
    return f"<p>{html.escape(section.text)}</p>"


def _table(section):
    head = "".join(f"<th scope=col>{html.escape(str(name))}</th>"
                   for name in section.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(shown(cell))}</td>" for cell in row)
        + "</tr>" for row in section.rows)
    caption = f"<caption>{html.escape(section.caption)}</caption>"
    return (f"<div class=wide><table>{caption}<thead><tr>{head}</tr></thead>"
            f"<tbody>{rows}</tbody></table></div>")


def _figure(section):
    caption = html.escape(section.caption)
    return (f'<figure><img src="{data_uri(section.image)}" alt="{caption}">'
            f"<figcaption>{caption}</figcaption></figure>")


def _gallery(section):
    items = "".join(
        f'<figure><img src="{data_uri(image)}" alt="{html.escape(caption)}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        for image, caption in section.items)
    return f"<p>{html.escape(section.caption)}</p><div class=gallery>{items}</div>"


def _cases(section):
    def wrong(case):
        return 0 if case.label is None else abs(case.label - case.score)
    items = [(case.image, f"{case.name}: score {case.score:.3f}, label "
              f"{'unknown' if case.label is None else ('neg', 'pos')[case.label]}")
             for case in sorted(section.cases, key=wrong, reverse=True)]
    return _gallery(Gallery(items, section.caption))


RENDERERS = {Heading: _heading, Text: _text, Table: _table, Figure: _figure,
             Gallery: _gallery, Cases: _cases}

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 70rem;
 padding: 1rem; color: #1a1a1a; background: #fff; }}
.notice {{ border-left: 4px solid #d55e00; background: #fff6ee; padding: .1rem 1rem; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; margin: 1rem 0; }}
caption {{ text-align: left; color: #555; }}
th, td {{ padding: .25rem .75rem; border-bottom: 1px solid #ddd; text-align: left; }}
td {{ font-variant-numeric: tabular-nums; }}
figure {{ margin: 1rem 0; }} figure img {{ max-width: 100%; height: auto; }}
figcaption {{ color: #555; font-size: .9rem; overflow-wrap: anywhere; }}
.gallery {{ display: flex; flex-wrap: wrap; gap: .75rem; }}
.gallery figure {{ margin: 0; max-width: 12rem; }}
</style>
<main>
<h1>{title}</h1>
<div class="notice">{notice}</div>
{body}
<h2>What to cite</h2>
<p>{cite}</p>
</main>
</html>
"""
