"""A local page: drop mammograms, see scores, flags and what they come from.

    python -m end2end.serve best.h5 [other.h5] [--patch-model patch.h5]

The page is served to this machine only (127.0.0.1). Files are scored here and removed
at once; nothing is stored, counted or sent elsewhere. Research use only.

FastAPI rather than Gradio: three small files of our own instead of a large page that
loads fonts and counts its users unless told not to, and full control of what it may do.
"""

import importlib.util
import os
import pathlib
import socket
import sys
import webbrowser

from end2end import checkpoints, prediction, serve
from end2end.utils import commands, files


def parser():
    """The command line."""
    made = commands.Parser(prog="python -m end2end.serve", description=__doc__)
    made.add_argument("models", nargs="+", metavar="MODEL", type=pathlib.Path,
                      help="model of whole images (.h5, .keras); scores of several are "
                           "averaged")
    made.add_argument("--patch-model", type=pathlib.Path, metavar="FILE",
                      help="patch classifier whose heatmap is shown; default: Grad-CAM "
                           "of the first model")
    made.add_argument("--flips", action="store_true",
                      help="average over the four flips")
    made.add_argument("--port", type=int, default=7860,
                      help="on 127.0.0.1; 0 takes a free one (%(default)s)")
    made.add_argument("--no-browser", action="store_true",
                      help="print the address, open no browser")
    return made


def main(argv=None):
    """Serves the page until interrupted."""
    arguments = parser().parse_args(argv)
    check()
    for path in arguments.models:
        files.existing_file(path, "model")
    listening = bound(arguments.port)
    import uvicorn

    classifiers = prediction.score_files.load(arguments.models)
    patch = arguments.patch_model and checkpoints.load_classifier(arguments.patch_model)
    scorer = serve.scoring.Scorer(classifiers, patch or None, flips=arguments.flips)
    address = f"http://{serve.application.HOST}:{listening.getsockname()[1]}/"
    commands.say(f"open {address} in a browser; end with Ctrl-C")
    if not arguments.no_browser and has_screen():
        webbrowser.open(address)
    server = uvicorn.Server(uvicorn.Config(
        serve.application.application(scorer), log_level="warning", access_log=False,
        server_header=False))
    server.run(sockets=[listening])


def check():
    """Raises files.InputError unless the packages that do the work are installed."""
    for package in ("fastapi", "uvicorn"):
        if importlib.util.find_spec(package) is None:
            raise files.InputError(
                f"the page needs the package {package}; install it: pip install "
                "'end2end[serve]'.")


def bound(port):
    """A socket of this machine alone.

    Raises:
        files.InputError: the port is taken.
    """
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((serve.application.HOST, port))
    except (OSError, OverflowError) as error:
        made.close()
        raise files.InputError(
            f"port {port} cannot be used ({error}); choose another --port, or 0 for "
            "any.") from error
    return made


def has_screen():
    """Whether a browser could open here."""
    return sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


if __name__ == "__main__":
    commands.run(main)
