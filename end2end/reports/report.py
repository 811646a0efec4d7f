"""One self-contained HTML page about an experiment; needs no network.

    report.write_report("report.html", [
        report.Heading("Result"), report.Table(("set", "AUC"), [("test", 0.9)]),
    ], title="Demo", trained_on="synthetic mammograms only")

Everything is escaped; pictures are inside the page.
"""

import base64
import dataclasses
import hashlib
import html
import json
import pathlib
import re
from collections.abc import Mapping, Sequence

from end2end.explanation import overlays
from end2end.utils import files

RESEARCH = ("Research use only. This is not a medical device; no score here may guide "
            "the care of a patient.")
MEANING = ("A score is the network's output for the class “pos” (cancer), between 0 "
           "and 1. It ranks images by suspicion; it is not the probability that a "
           "woman has cancer, and scores of different models cannot be compared.")
# What a score may be used for and where models are known to fail. The long form is
# docs/model-card.md.
LIMITS = (
    "Known limits: models trained on scanned film are wrong on digital mammograms, "
    "and the other way round, until fine-tuned. Images with implants, and "
    "magnification or spot views: do not use their scores. On the official split of "
    "CBIS-DDSM the AUC is lower than on the random split of the paper (published "
    "weights: 0.69 to 0.75 against 0.83 to 0.86). At other sites models of mammograms "
    "lost 0.17 to 0.32 of AUC in studies of 2026. In a reader study of another "
    "hospital (New York University; Wu et al. 2020, Stadnick et al. 2021) the "
    "published weights have 0.45 and 0.59, fourteen radiologists 0.78 in the mean, "
    "and another model 0.88. Cancers are far more frequent in training than in "
    "screening. The published weights are under CC BY-NC-SA 4.0: no commercial use. "
    "More in docs/model-card.md.")
CITE = ("Shen L, Margolies LR, Rothstein JH, Fluder E, McBride R, Sieh W. Deep "
        "Learning to Improve Breast Cancer Detection on Screening Mammography. "
        "Scientific Reports 9, 12495 (2019). doi:10.1038/s41598-019-48995-4")
SCRIPTS = ("viewer_pixels.js", "viewer.js", "report_page.js")
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
    """A table; cells are texts, numbers or `OfOneCall`."""

    columns: tuple
    rows: list
    caption: str = ""


@dataclasses.dataclass(frozen=True)
class OfOneCall:
    """A number in a table that another call of the same command does not repeat."""

    value: float


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
class Layer:
    """A map as the viewer colours it.

    Attributes:
        name: of its method.
        title: for people.
        image: bytes of a grey picture of the map, 255 being 1.
        colours: a row of `overlays.OPACITIES`.
        legend: what its colours mean.
    """

    name: str
    title: str
    image: bytes
    colours: str = "dots"
    legend: str = ""


@dataclasses.dataclass(frozen=True)
class Hanging:
    """How a mammogram is hung.

    Attributes:
        side: `L`, `R` or empty.
        view: `CC`, `MLO`, ...
        wall: side of the picture along which the chest wall is, `left`, `right` or
            empty where it is not seen.
        shape: (rows, columns) of the mammogram.
        spacing: millimetres of its pixels, None where unknown.
        exam: the same text for the images that hang together; empty: alone.
    """

    side: str = ""
    view: str = ""
    wall: str = ""
    shape: tuple[int, int] = (0, 0)
    spacing: float | None = None
    exam: str = ""


@dataclasses.dataclass(frozen=True)
class Operating:
    """A threshold of scores that a model carries.

    Attributes:
        threshold: positive from this score on.
        origin: where it comes from, a clause.
        sensitivity: on the images of its origin.
        specificity: likewise.
    """

    threshold: float
    origin: str
    sensitivity: float
    specificity: float


@dataclasses.dataclass(frozen=True)
class Case:
    """One image with its score.

    Attributes:
        name: of the image.
        image: bytes of PNG, JPEG or WebP, of the aspect of the mammogram.
        score: of cancer, 0 to 1.
        label: 0, 1 or None where unknown.
        layers: of `Layer`; the first is shown from the start.
        details: texts or numbers by name; those that all cases have become columns, and
            those of a few values filters.
        hanging: how it is hung.
        lines: dicts of `kind` and `points` (`views.line_data`).
        flags: why the image may not fit the model.
        groups: sentences on its breast and woman.
    """

    name: str
    image: bytes
    score: float
    label: int | None = None
    layers: tuple = ()
    details: dict = dataclasses.field(default_factory=dict)
    hanging: Hanging = Hanging()
    lines: tuple = ()
    flags: tuple = ()
    groups: tuple = ()


# Of women screened every two years some six in a thousand have cancer (Lehman et al.
# Radiology 2017: 5.1 found and 0.8 missed of 1000).
PREVALENCE = 0.006


@dataclasses.dataclass(frozen=True)
class Cases:
    """Images with their scores, the most wrong first; a click opens the picture.

    Attributes:
        cases: list of `Case`.
        caption: above the table.
        operating: threshold that is set at first; None for none, since nobody knows
            what a score of 0.5 means.
        classes: names of the labels 0 and 1.
        prevalence: share of images with cancer at which positive predictive values are
            given; it can be changed on the page.
    """

    cases: list
    caption: str = ""
    operating: Operating | None = None
    classes: tuple = ("neg", "pos")
    prevalence: float = PREVALENCE


def write_report(
        path: str | pathlib.Path, sections: Sequence, *, title: str,
        trained_on: str) -> str | pathlib.Path:
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


def page(sections: Sequence, *, title: str, trained_on: str) -> str:
    """The report as text of HTML.

    No request leaves the page: its policy allows nothing but itself.
    """
    body, contents = [], []
    for number, section in enumerate(sections):
        anchor = f"s{number}"
        if isinstance(section, Heading) and section.level == 2:
            contents.append(f'<li><a href="#{anchor}">{escaped(section.text)}</a></li>')
        body.append(RENDERERS[type(section)](section, anchor))
    style = asset("viewer.css") + asset("report_page.css")
    script = "".join(map(asset, SCRIPTS))
    return filled(asset("report_page.html"), dict(
        title=escaped(title), style=style, style_hash=_digest(style), script=script,
        script_hash=_digest(script), cite=escaped(CITE),
        notice=f"<p><strong>{escaped(RESEARCH)}</strong></p>\n" + "\n".join(
            f"<p>{escaped(text)}</p>" for text in (
                MEANING, f"Trained on: {trained_on}", LIMITS)),
        contents=f'<nav class="contents" aria-label="Contents"><ul>{"".join(contents)}'
                 "</ul></nav>" if len(contents) > 1 else "",
        body="\n".join(body),
        viewer=asset("report_viewer.html") if any(
            isinstance(section, Cases) for section in sections) else ""))


def filled(template: str, values: Mapping[str, str]) -> str:
    """Puts values in the places `{{name}}` of a template; they are not searched."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)


def asset(name: str) -> str:
    """The text of one of the files of this folder that pages consist of."""
    return (pathlib.Path(__file__).parent / name).read_text("utf-8")


def _digest(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def escaped(value: object) -> str:
    """A value as text of HTML."""
    return html.escape(str(value))


def data_uri(image: bytes) -> str:
    """Image bytes as an address inside the page."""
    kind = next((kind for start, kind in KINDS.items() if image.startswith(start)),
                "image/svg+xml")
    return f"data:{kind};base64,{base64.b64encode(image).decode()}"


def shown(value: object) -> str:
    """A cell's text; floats with three decimals."""
    if isinstance(value, float):
        return f"{value:.3f}"
    return "" if value is None else str(value)


# Sections as HTML -----------------------------------------------------------------


def _heading(section, anchor):
    return f'<h{section.level} id="{anchor}">{escaped(section.text)}</h{section.level}>'


def _text(section, anchor):
    return f"<p>{escaped(section.text)}</p>"


def _cell(value):
    if isinstance(value, OfOneCall):
        return _cell(value.value).replace("number", "number of-one-call")
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    kind = ' class="number"' if number else ""
    return f"<td{kind}>{escaped(shown(value))}</td>"


def _table(section, anchor):
    head = "".join(f'<th scope="col">{escaped(name)}</th>' for name in section.columns)
    rows = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in section.rows)
    caption = f"<caption>{escaped(section.caption)}</caption>" * bool(section.caption)
    return (f'<div class="wide" tabindex="0" role="region" '
            f'aria-label="{escaped(f"Table {anchor[1:]}. {section.caption}")}">'
            f"<table>{caption}"
            f"<thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table></div>")


def _figure(section, anchor):
    return _picture(section.image, section.caption)


def _picture(image, caption):
    return (f'<figure><img src="{data_uri(image)}" alt="{escaped(caption)}">'
            f"<figcaption>{escaped(caption)}</figcaption></figure>")


def _gallery(section, anchor):
    items = "".join(_picture(image, caption) for image, caption in section.items)
    return f'<p>{escaped(section.caption)}</p><div class="gallery">{items}</div>'


def _cases(section, anchor):
    ordered = sorted(section.cases, key=lambda case: _error(case), reverse=True)
    columns = [name for name in next((case.details for case in ordered), ())
               if all(name in case.details for case in ordered)
               and any(shown(case.details[name]) for case in ordered)]
    known = any(case.label is not None for case in ordered)
    rows = "\n".join(_case_row(number, case, columns, section, known=known)
                     for number, case in enumerate(ordered))
    head = [("", None), ("image", ""), ("score", "descending")]
    head += [("label", ""), ("error", "descending")] * known
    head += [(name, "") for name in columns]
    data = json.dumps(dict(
        cases=[_case_data(case) for case in ordered], classes=section.classes,
        colours=overlays.colour_tables(),
        operating=section.operating and dataclasses.asdict(section.operating)))
    return CASES.format(
        anchor=anchor[1:], caption=escaped(section.caption),
        filters=_filters(section) if known else "", selects=_selects(ordered),
        threshold="" if section.operating is None
        else f"{section.operating.threshold:.6g}",
        prevalence=f"{100 * section.prevalence:g}",
        head="".join(_sorting_head(*column) for column in head), rows=rows,
        count=f"{len(ordered)} of {len(ordered)} images",
        # A name may hold the end of a script.
        data=data.replace("<", "\\u003c"))


CASES = """<section class="cases" aria-label="Images of section {anchor}">
<p>{caption}</p>
<div class="filters" role="group" aria-label="Which images of section {anchor}">
{filters}
{selects}
<label>threshold <input class="threshold" type="number" min="0" max="1" step="any"
 value="{threshold}" placeholder="none"></label>
<label>prevalence, % <input class="prevalence" type="number" min="0" max="100"
 step="any" value="{prevalence}"></label>
<span class="count" role="status">{count}</span></div>
<p class="meaning" role="status"></p>
<div class="wide" tabindex="0" role="region" aria-label="Table {anchor}. Images">
<table><thead>
<tr>{head}</tr></thead><tbody>
{rows}
</tbody></table></div>
<script type="application/json">{data}</script></section>"""
# Filters have at most so many values.
MOST_VALUES = 8


def _filters(section):
    kinds = [("", "all"), ("wrong", "wrong only"), ("falsepositive", "false positives"),
             ("falsenegative", "false negatives"), ("label0", section.classes[0]),
             ("label1", section.classes[1])]
    return "".join(
        f'<button type="button" data-kind="{kind}" '
        f'aria-pressed="{str(not kind).lower()}">{escaped(name)}</button>'
        for kind, name in kinds)


def _selects(cases):
    """Choices among flags, and among details of few values such as view, density and
    lesion type."""
    flags = dict.fromkeys(flag for case in cases for flag in case.flags)
    choices = {}
    if flags:
        choices["flags"] = [("none", "none"), ("any", "any"),
                            *((flag, flag) for flag in list(flags)[:MOST_VALUES])]
    for name in dict.fromkeys(name for case in cases for name in case.details):
        values = [case.details.get(name) for case in cases]
        texts = sorted({value for value in values if isinstance(value, str) and value})
        if 1 < len(texts) <= MOST_VALUES and name != "flags":
            choices[name] = [(text, text) for text in texts]
    return "".join(
        f'<label>{escaped(name)} <select data-detail="{escaped(name)}">'
        '<option value="">all</option>'
        + "".join(f'<option value="{escaped(value)}">{escaped(text[:60])}</option>'
                  for value, text in values) + "</select></label>"
        for name, values in choices.items())


def _sorting_head(name, first):
    if first is None:
        return '<td></td>'
    order = ' aria-sort="descending"' if name == "error" else ""
    return (f'<th scope="col" data-first="{first}"{order}><button type="button">'
            f"{escaped(name)}</button></th>")


def _error(case):
    """How wrong a score is; a score without label stands for itself."""
    return case.score if case.label is None else abs(case.label - case.score)


def _case_row(number, case, columns, section, *, known):
    cells = [
        '<td class="thumb"><img alt="" width="42" height="51"></td>',
        f'<td><button type="button" class="open">{escaped(case.name)}</button></td>',
        f'<td data-value="{case.score:.9g}">{case.score:.3f}<meter min="0" max="1" '
        f'value="{case.score:.3f}" aria-hidden="true"></meter></td>']
    if known:
        label = "unknown" if case.label is None else section.classes[case.label]
        cells += [f'<td class="label">{escaped(label)}</td>',
                  f'<td data-value="{_error(case):.9g}">{_error(case):.3f}</td>']
    cells += [f'<td data-value="{escaped(value)}">{escaped(shown(value))}</td>'
              for value in map(case.details.get, columns)]
    return f'<tr data-case="{number}" data-kinds="">{"".join(cells)}</tr>'


def _case_data(case):
    hanging = case.hanging
    return dict(
        name=case.name, image=data_uri(case.image), score=case.score, label=case.label,
        layers=[dict(name=layer.name, title=layer.title, colours=layer.colours,
                     legend=layer.legend, image=data_uri(layer.image))
                for layer in case.layers],
        side=hanging.side, view=hanging.view, wall=hanging.wall, exam=hanging.exam,
        height=hanging.shape[0], width=hanging.shape[1], spacing=hanging.spacing,
        lines=case.lines, flags=case.flags, groups=case.groups,
        details={name: shown(value) for name, value in case.details.items()})


RENDERERS = {Heading: _heading, Text: _text, Table: _table, Figure: _figure,
             Gallery: _gallery, Cases: _cases}
