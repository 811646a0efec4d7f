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
import urllib.parse
import webbrowser

from end2end import commands, files

HOST = "127.0.0.1"
MAX_BYTES = 200 << 20
MAX_FILES = 40
# Uploads that may be under way; a page sends one after the other.
MAX_WAITING = 8
# Nothing but the page's own files, whatever a DICOM tag or file name holds.
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
          "connect-src 'self'; base-uri 'none'; form-action 'none'; "
          "frame-ancestors 'none'")
HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff",
           "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
PAGES = {"/": ("html", "text/html"), "/page.js": ("js", "text/javascript"),
         "/page.css": ("css", "text/css")}


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

    from end2end import evaluation, predict, serve_scoring
    classifiers = predict.load(arguments.models)
    patch = arguments.patch_model and evaluation.load_classifier(arguments.patch_model)
    scorer = serve_scoring.Scorer(classifiers, patch or None, flips=arguments.flips)
    address = f"http://{HOST}:{listening.getsockname()[1]}/"
    commands.say(f"open {address} in a browser; end with Ctrl-C")
    if not arguments.no_browser and has_screen():
        webbrowser.open(address)
    server = uvicorn.Server(uvicorn.Config(
        application(scorer), log_level="warning", access_log=False,
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
        made.bind((HOST, port))
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


def application(scorer):
    """The page and its one question: `POST /score` with a file as body.

    The header `X-Name` is the name of the file (percent-encoded), `X-Frame` perhaps a
    frame. No other site can send these headers.

    Args:
        scorer: `serve_scoring.Scorer`.

    Returns:
        `fastapi.FastAPI`.
    """
    import anyio
    import fastapi
    from starlette.middleware import trustedhost

    app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    # A name that points here (DNS rebinding) is no way in.
    app.add_middleware(
        trustedhost.TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
    waiting, turn = [], anyio.Lock()

    async def about(request):
        return answer(scorer.about() | dict(
            max_bytes=MAX_BYTES, max_files=MAX_FILES))

    async def score(request):
        return await scored(request, scorer, waiting, turn)

    for place, (suffix, kind) in PAGES.items():
        app.add_route(place, page(suffix, kind), methods=["GET"])
    app.add_route("/about", about, methods=["GET"])
    app.add_route("/score", score, methods=["POST"])
    return app


async def scored(request, scorer, waiting, turn):
    """The response to one file; files are scored in turn."""
    import anyio

    if found := unwanted(request, waiting):
        return answer(dict(error=found[1]), found[0])
    waiting.append(None)
    try:
        data = await limited(request)
        async with turn:
            return answer(await anyio.to_thread.run_sync(
                scorer.score, urllib.parse.unquote(request.headers["x-name"]),
                data, request.headers.get("x-frame", "")))
    except files.InputError as error:
        status = 413 if isinstance(error, TooLargeError) else 422
        return answer(dict(error=commands.one_line(error)), status)
    finally:
        waiting.pop()


class TooLargeError(files.InputError):
    """A file beyond `MAX_BYTES`."""


def unwanted(request, waiting):
    """Why a request is not answered: status and sentence, or None."""
    origin = request.headers.get("origin")
    if origin and urllib.parse.urlsplit(origin).netloc != request.headers["host"]:
        return 403, "only the page itself may ask."
    if "x-name" not in request.headers:
        return 400, "the header X-Name, the name of the file, is missing."
    if len(waiting) >= MAX_WAITING:
        return 503, "too many images at once; wait for those before."
    return None


def answer(content, status=200):
    """A response of JSON."""
    from fastapi import responses

    return responses.JSONResponse(content, status, headers=HEADERS)


def page(suffix, kind):
    """A route that gives one of the page's own files."""
    from fastapi import responses

    path = pathlib.Path(__file__).parent / f"serve_page.{suffix}"
    response = responses.Response(
        path.read_text("utf-8"), media_type=kind, headers=HEADERS)

    async def route(request):
        return response
    return route


async def limited(request):
    """The body of a request.

    Raises:
        TooLargeError: it is longer than `MAX_BYTES`.
    """
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > MAX_BYTES:
            raise TooLargeError(
                f"the file is larger than {MAX_BYTES >> 20} MB; no mammogram is.")
    return bytes(data)


if __name__ == "__main__":
    commands.run(main)
