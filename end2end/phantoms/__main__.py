"""Writes synthetic mammograms in the exact layouts of public sets.

    end2end phantoms OUT --patients 20 --seed 1 --difficulty 0.3

They are for the demo and the tests: pictures with an outline, power-law texture,
pectoral muscle, burned-in markers and the four kinds of lesion. They resemble
mammograms only as far as that needs; no figure measured on them says anything about
women.
"""

import os
import pathlib
from collections.abc import Sequence

from end2end import phantoms
from end2end.utils import commands, files, locks, programs

CBIS_DDSM = ("classic", "descriptive", "kaggle")
LAYOUTS = (*CBIS_DDSM, "inbreast", "vindr", "rsna", "cmmd", "mini-mias")


def parser() -> commands.Parser:
    """The command line."""
    result = commands.Parser(program="end2end.phantoms", description=__doc__)
    result.add_argument("out", metavar="OUT", type=pathlib.Path,
                        help="folder to make, laid out as a download")
    result.add_argument("--patients", type=int, default=20, help="women (default: 20)")
    result.add_argument("--seed", type=int, default=1, help="(default: 1)")
    result.add_argument("--difficulty", type=float, default=0.3,
                        help="0, plain to see, to 1, subtle (default: 0.3)")
    result.add_argument("--one-view", type=float, default=0.0, metavar="SHARE",
                        help="share of the lesions that are to be seen in one of the "
                             "views only (default: 0)")
    result.add_argument("--layout", choices=LAYOUTS, default="classic",
                        help="(default: classic, as from TCIA)")
    result.add_argument("--size", type=int, nargs=2, default=(1024, 768),
                        metavar=("HEIGHT", "WIDTH"),
                        help="of the mammograms in pixels (default: 1024 768)")
    result.add_argument("--defects", action="store_true",
                        help="spoil some files, to see how the import takes it")
    result.add_argument("--workers", type=int, default=os.cpu_count(),
                        help="processes (default: one per core)")
    return result


def main(argv: Sequence[str] | None = None) -> None:
    """Writes the files and says where they are."""
    arguments = vars(parser().parse_args(argv))
    out, layout = arguments.pop("out"), arguments.pop("layout")
    defects = arguments.pop("defects")
    if defects and layout != "classic":
        raise files.InputError(f"--defects needs --layout classic, not {layout}.")
    women = commands.counted(
        arguments["patients"], "synthetic woman", "synthetic women")
    commands.say(f"writing {women} to {out} ({layout})")
    with locks.output_folder(out):
        if layout == "inbreast":
            phantoms.write_inbreast(out, **arguments)
        elif layout in CBIS_DDSM:
            phantoms.write_cbis_ddsm(out, layout=layout, **arguments)
        else:
            phantoms.write_layout(out, layout=layout, **arguments)
        for defect, path in phantoms.spoil(out) if defects else ():
            commands.say(f"  spoilt: {defect}, {path}")
    prepared = out.with_name(f"{out.name}-prepared")
    commands.say("next: " + next_step(layout, out, prepared, arguments["size"]))


def next_step(
        layout: str, out: pathlib.Path, prepared: pathlib.Path,
        size: Sequence[int]) -> str:
    """The command that imports the phantoms at their size."""
    if layout in ("inbreast", *CBIS_DDSM):
        package = "inbreast" if layout == "inbreast" else "ddsm_train"
        return programs.line(f"{package}.prepare", out, prepared, "--size", *size)
    return programs.line(
        "end2end.importing", layout, out, prepared, "--size", *size)


if __name__ == "__main__":
    commands.run(main)
