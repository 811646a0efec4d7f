"""A structure deformed at each of its places, and what a reader says of each form."""

import copy
import hashlib

from end2end.utils import files

DELETED = object()
OF_NUMBERS = (DELETED, None, "x", -1, 2.5, True, 10**9)
OF_OTHERS = (DELETED, None, [], {}, "x", 3)
SHORT = 140


def places(content, before=()):
    """Paths of keys to all parts of a structure."""
    pairs = (content.items() if isinstance(content, dict) else
             enumerate(content) if isinstance(content, list) else ())
    for key, value in pairs:
        yield (*before, key)
        yield from places(value, (*before, key))


def deformed(content, place, form):
    """A copy in which one place has another form."""
    content = copy.deepcopy(content)
    part = content
    for key in place[:-1]:
        part = part[key]
    if form is DELETED:
        del part[place[-1]]
    else:
        part[place[-1]] = form
    return content


def outcome(read, content):
    """What a reader returns or why it refuses, as a short text."""
    try:
        text = shown(read(content))
    except files.InputError as error:
        text = f"refused: {error}"
    return text if len(text) <= SHORT else (
        f"{text[:SHORT - 10]}... {hashlib.sha256(text.encode()).hexdigest()[:8]}")


def shown(value):
    """A value as text; objects by their fields."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {shown(item)}" for key, item in value.items()
                               ) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(shown, value)) + "]"
    return f"{type(value).__name__}({shown(vars(value))})" if hasattr(
        value, "__dict__") and not isinstance(value, type) else repr(value)


def record(read, content):
    """Lines on all deformations: the outcome, and below it what led to it."""
    cases = [("as it is", content)]
    for place in places(content):
        part = content
        for key in place:
            part = part[key]
        number = isinstance(part, (int, float)) and not isinstance(part, bool)
        cases += [(".".join(map(str, place)) + (
            " gone" if form is DELETED else f"={form!r}"),
            deformed(content, place, form))
            for form in (OF_NUMBERS if number else OF_OTHERS)]
    return grouped(read, cases)


def grouped(read, cases):
    """Lines on cases, pairs of name and content, by what a reader makes of them."""
    groups = {}
    for name, content in cases:
        groups.setdefault(outcome(read, content), []).append(name)
    return "\n".join(f"{said}\n    {'; '.join(names)}"
                     for said, names in groups.items())


CELLS = ("", "x", "-1", "1.5", "nan", "L", "a.png")


def table(read, text, sign=","):
    """Lines on a table of which each cell, each heading and each row is another."""
    # Of a table that is refused as it is every deformation would say the same.
    assert not outcome(read, text).startswith("refused")
    rows = [line.split(sign) for line in text.splitlines()]
    cases = [("as it is", rows), ("no rows", rows[:1]), ("nothing", [])]
    for number, row in enumerate(rows):
        cases += [(f"row {number} gone", rows[:number] + rows[number + 1:]),
                  (f"row {number} twice", rows[:number + 1] + rows[number:]),
                  (f"row {number} short", [*rows[:number], row[:-1],
                                           *rows[number + 1:]]),
                  (f"row {number} long", [*rows[:number], [*row, "z"],
                                          *rows[number + 1:]])]
        for place in range(len(row)):
            for cell in CELLS:
                changed = [*row[:place], cell, *row[place + 1:]]
                cases.append((f"{number}.{place}={cell!r}",
                              [*rows[:number], changed, *rows[number + 1:]]))
    return grouped(lambda rows: read("".join(sign.join(row) + "\n" for row in rows)),
                   cases)
