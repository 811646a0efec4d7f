"""Draws the folders and what each imports, as SVG: docs/architecture.svg.

    python tests/helpers/draw_architecture.py docs/architecture.svg

Read from the imports themselves. A folder stands above all that it imports; of the
arrows, those that other arrows imply are left out. The same code gives the same bytes.
"""

import ast
import html
import pathlib
import re
import sys
import textwrap

import grimp

ROOT = pathlib.Path(__file__).parents[2]
PACKAGES = ("end2end", "ddsm_train", "inbreast")
# In pixels.
BOX, HEIGHT, GAP, LANE, ROW, MARGIN = 190, 72, 20, 16, 118, 24
# Of the text in a box.
LINE, LINES = 30, 3
SWEEPS = 24


def folder_of(module: str) -> str:
    """The folder, or the module beside the folders, that a module belongs to."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == PACKAGES[0] else parts[0]


def imports() -> dict[str, set[str]]:
    """What each folder imports, by folder. Programs of a folder (`__main__`) and the
    package itself, which hands out names of all folders, are left out."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    arrows = {}
    for module in sorted(graph.modules):
        if module.endswith(".__main__") or module == PACKAGES[0]:
            continue
        known = arrows.setdefault(folder_of(module), set())
        known |= {folder_of(other) for other in graph.find_modules_directly_imported_by(
            module) if other != PACKAGES[0]} - {folder_of(module)}
    return arrows


def levels(arrows: dict[str, set[str]]) -> dict[str, int]:
    """The level of each folder: one above the highest that it imports.

    Raises:
        RecursionError: folders import each other in a circle.
    """
    known = {}

    def level(name):
        if name not in known:
            known[name] = 1 + max(map(level, arrows[name]), default=-1)
        return known[name]

    for name in arrows:
        level(name)
    return known


def reduced(arrows: dict[str, set[str]]) -> set[tuple[str, str]]:
    """The arrows that no chain of other arrows implies."""
    reached = {}

    def below(name):
        if name not in reached:
            reached[name] = set().union(
                arrows[name], *(below(other) for other in arrows[name]))
        return reached[name]

    return {(name, other) for name in arrows for other in arrows[name]
            if not any(other in below(between) for between in arrows[name])}


def lanes(arrows: set, level: dict) -> tuple[dict, list]:
    """Gives long arrows a place in each row that they cross.

    Returns:
        rows of names from the top, where a tuple is the place of an arrow, and pairs of
        neighbours in rows beneath each other.
    """
    rows = [[] for _ in range(max(level.values()) + 1)]
    for name in sorted(level):
        rows[level[name]].append(name)
    pieces = []
    for start, end in sorted(arrows):
        above = start
        for between in range(level[start] - 1, level[end], -1):
            place = (start, end, between)
            rows[between].append(place)
            pieces.append((above, place))
            above = place
        pieces.append((above, end))
    return rows[::-1], pieces


def ordered(rows: list, pieces: list) -> list:
    """Sorts each row by the mean place of its neighbours, so that few arrows cross."""
    neighbours = {}
    for above, beneath in pieces:
        neighbours.setdefault(above, []).append(beneath)
        neighbours.setdefault(beneath, []).append(above)
    centre = {}
    for row in rows:
        centre |= places(row)
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            row.sort(key=lambda node: (
                sum(centre[other] for other in neighbours.get(node, [node]))
                / len(neighbours.get(node, [node])), str(node)))
            centre |= places(row)
    return rows


def places(row: list) -> dict:
    """The middle of each node of a row, in pixels from the middle of the picture."""
    widths = [LANE if isinstance(node, tuple) else BOX + GAP for node in row]
    left, middles = -sum(widths) / 2, {}
    for node, width in zip(row, widths, strict=True):
        middles[node] = left + width / 2
        left += width
    return middles


def summary(name: str) -> str:
    """What a folder or module says of itself, up to the first pause."""
    path = ROOT / name.replace(".", "/")
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    sentence = " ".join(text.split("\n\n")[0].split()).replace("`", "")
    return re.split(r"[;.] |, (?:as|by|with|each|small|from) ", sentence)[0].rstrip(".")


def drawing() -> str:
    """The picture as text of SVG."""
    arrows = imports()
    rows, pieces = lanes(reduced(arrows), levels(arrows))
    rows = ordered(rows, pieces)
    middle = {}
    for number, row in enumerate(rows):
        for node, x in places(row).items():
            middle[node] = (x, MARGIN + number * ROW)
    reach = max(abs(x) for x, _ in middle.values()) + BOX / 2 + MARGIN
    parts = [_curve(middle, *piece) for piece in pieces]
    parts += [_box(node, *middle[node]) for row in rows for node in row
              if not isinstance(node, tuple)]
    height = 2 * MARGIN + (len(rows) - 1) * ROW + HEIGHT
    return SVG.format(left=-reach, width=2 * reach, height=height,
                      parts="\n".join(parts))


def _curve(middle, above, beneath):
    (x, y), (to_x, to_y) = middle[above], middle[beneath]
    y += HEIGHT
    arrow = "" if isinstance(beneath, tuple) else ' marker-end="url(#tip)"'
    to_y -= 0 if isinstance(beneath, tuple) else 6
    # Through the height of a row an arrow goes straight down, between the boxes.
    start = f"M{x:.0f},{y - HEIGHT}V{y}" if isinstance(above, tuple) else (
        f"M{x:.0f},{y}")
    bend = (to_y - y) / 2
    return (f'<path d="{start}C{x:.0f},{y + bend:.0f} {to_x:.0f},{to_y - bend:.0f} '
            f'{to_x:.0f},{to_y}"{arrow}/>')


def _box(name, x, y):
    folder = (ROOT / name.replace(".", "/")).is_dir()
    title = name.removeprefix(f"{PACKAGES[0]}.") + "/" * folder
    lines = textwrap.wrap(summary(name), LINE, max_lines=LINES, placeholder=" ...")
    text = "".join(
        f'<text x="{x:.0f}" y="{y + 34 + 13 * i}" class="what">{html.escape(line)}'
        "</text>" for i, line in enumerate(lines))
    return (f'<rect x="{x - BOX / 2:.0f}" y="{y}" width="{BOX}" height="{HEIGHT}" '
            f'rx="6" class="{"folder" if folder else "module"}"/>'
            f'<text x="{x:.0f}" y="{y + 18}" class="name">{title}</text>{text}')


SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left:.0f} 0 {width:.0f} \
{height}" width="{width:.0f}" height="{height}" font-family="Helvetica, Arial, \
DejaVu Sans, sans-serif" text-anchor="middle">
<title>The folders; each imports those that its arrows lead down to</title>
<style>path{{fill:none;stroke:#4a6a8a;stroke-width:1.3}} rect{{stroke:#1f3b57}} \
.folder{{fill:#e8f0f8}} .module{{fill:#fbf3e0}} \
.name{{font-size:14px;font-weight:bold}} \
.what{{font-size:10px;fill:#333}}</style>
<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="2" refY="3" \
orient="auto"><path d="M0,0L6,3L0,6Z" style="fill:#4a6a8a;stroke:none"/></marker></defs>
<rect x="{left:.0f}" width="{width:.0f}" height="{height}" \
style="fill:white;stroke:none"/>
{parts}
</svg>
"""

if __name__ == "__main__":
    pathlib.Path(sys.argv[1]).write_text(drawing(), encoding="utf-8")
