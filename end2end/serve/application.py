"""The web application of the local page: routes, limits and headers."""

import json
import logging
import pathlib
import urllib.parse
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from end2end.reports import report
from end2end.serve import browsers, downloads
from end2end.utils import commands, files, processes

if TYPE_CHECKING:
    from fastapi import Request, Response

    from end2end.serve import scoring

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

HOST = "127.0.0.1"
MAX_BYTES = 200 << 20
MAX_QUESTION = 1 << 20
# Files that an account is of: views, and as many refused ones.
MOST_TOLD = 2 * browsers.MOST_VIEWS
# Uploads that may be under way; a page sends one after the other.
MAX_WAITING = 8
# Seconds: between two pieces of an upload, and for the whole of it. From the page they
# come from this machine's disk.
STALLED = 20
LONGEST = 300
# Nothing but the page's own files, whatever a DICOM tag or file name holds.
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
          "connect-src 'self'; base-uri 'none'; form-action 'none'; "
          "frame-ancestors 'none'")
HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff",
           "X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin",
           "Cross-Origin-Resource-Policy": "same-origin",
           "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
# The viewer and the colours are those of reports.
PAGES = {"/": ("serve_page.html", "text/html"),
         "/page.js": ("serve_page.js", "text/javascript"),
         "/page.css": ("serve_page.css", "text/css"),
         "/viewer_pixels.js": ("viewer_pixels.js", "text/javascript"),
         "/viewer.js": ("viewer.js", "text/javascript"),
         "/viewer.css": ("viewer.css", "text/css"),
         "/report.css": ("report_page.css", "text/css")}


class WithHeaders:
    """An ASGI application all of whose replies have `HEADERS`, refusals too."""

    def __init__(self, app: Callable[[Message, Receive, Send], Awaitable[None]]
                 ) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers one request; one whose reply cannot be sent is logged in a line."""
        unsent = []

        async def with_headers(message):
            if message["type"] == "http.response.start":
                headers = dict(message.get("headers", ()))
                headers |= {name.lower().encode(): value.encode()
                            for name, value in HEADERS.items()}
                message = {**message, "headers": list(headers.items())}
            try:
                await send(message)
            except Exception as error:
                unsent.append(error)
                raise

        try:
            await self.app(scope, receive, with_headers)
        except Exception:
            if not unsent:
                raise
            # The server itself refused the rest of a broken request and closed the
            # connection while the request waited for its turn.
            log.warning("a reply could not be sent: %s", commands.one_line(unsent[0]))


def application(scorer: "scoring.Scorer") -> WithHeaders:
    """The page and its questions: `POST /score` with a file as body, and `POST
    /account` with the marks of the images that are shown.

    The header `X-Name` is the name of the file (percent-encoded), `X-Frame` perhaps a
    frame. No other site can send these headers. `GET /results`, `/picture/MARK` and
    `/download/NAME`, and `POST /remove` with the header `X-Id` are of the views of the
    browser that a cookie tells; other sites cannot have it sent.

    Args:
        scorer: what scores a file.

    Returns:
        an ASGI application.
    """
    import anyio
    import fastapi
    from starlette.middleware import trustedhost

    app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    # A name that points here (DNS rebinding) is no way in.
    app.add_middleware(
        trustedhost.TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
    waiting, turn = [], anyio.Lock()
    held = browsers.Browsers(scorer.folder)

    async def about(request):
        return answer(scorer.about() | dict(
            max_bytes=MAX_BYTES, max_files=browsers.MOST_VIEWS))

    async def score(request):
        # What is not read leaves no memory, and clients that ask too often cost little.
        if reason := refusal(request, waiting):
            return answer(dict(error=reason[1]), reason[0])
        return cleared(await scored(request, scorer, (held, waiting, turn)))

    async def account(request):
        return await accounted(request, scorer, waiting)

    for place, (name, kind) in PAGES.items():
        app.add_route(place, page(name, kind))
    app.add_route("/about", about)
    app.add_route("/score", score, methods=["POST"])
    app.add_route("/account", account, methods=["POST"])
    for place, (method, work) in OF_BROWSER.items():
        app.add_route(place, of_browser(work, scorer, held, turn), methods=[method])
    app.add_exception_handler(Exception, failed)
    return WithHeaders(app)


def cleared(response: "Response") -> "Response":
    """The response, after which the memory of its making goes back to the system."""
    from starlette import background

    response.background = background.BackgroundTask(processes.return_freed_memory)
    return response


async def failed(request: "Request", error: Exception) -> "Response":
    """The reply where the program itself is wrong; the log has the reason."""
    return answer(dict(error="the program failed at this file; see its window."), 500)


class TooLargeError(files.InputError):
    """A file beyond `MAX_BYTES`."""


def foreign(request: "Request") -> str:
    """Why a request is not of the page itself; empty where it is."""
    origin = request.headers.get("origin")
    # The page is served without TLS: a page at https:// is another.
    if origin and origin != f"http://{request.headers['host']}":
        return "only the page itself may ask."
    return ""


def refusal(request: "Request", waiting: list) -> tuple[int, str] | None:
    """Why a request is not answered: status and sentence, or None."""
    if reason := foreign(request):
        return 403, reason
    if "x-name" not in request.headers:
        return 400, "the header X-Name, the name of the file, is missing."
    if len(waiting) >= MAX_WAITING:
        return 503, "too many images at once; wait for those before."
    return None


def answer(content: dict[str, Any], status: int = 200) -> "Response":
    """A response of JSON."""
    from fastapi import responses

    return responses.JSONResponse(content, status)


def no_room(error: Exception) -> str:
    """What a full disk or memory says in one line; the memory often says nothing."""
    return commands.one_line(error) or "too little memory"


def page(name: str, kind: str) -> "Callable[[Request], Awaitable[Response]]":
    """A route that gives one of the page's own files, or of those it shares with
    reports."""
    from fastapi import responses

    path = pathlib.Path(__file__).parent / name
    text = path.read_text("utf-8") if path.exists() else report.asset(name)
    response = responses.Response(text, media_type=kind)

    async def route(request):
        return response
    return route


# What is asked of the views of a browser -------------------------------------------


def cookie(request: "Request") -> str:
    """The name of the cookie: those of one machine are shared among ports."""
    return f"session-{request.url.port or 80}"


def with_cookie(request: "Request", response: "Response", token: str) -> "Response":
    """The response, which lets the browser be known again."""
    if request.cookies.get(cookie(request)) != token:
        response.set_cookie(cookie(request), token, httponly=True, samesite="strict")
    return response


def _results(scorer, browser, request):
    return answer(dict(views=scorer.results(browser)))


def _remove(scorer, browser, request):
    browser.remove(request.headers.get("x-id", ""))
    return _results(scorer, browser, request)


def _picture(scorer, browser, request):
    from fastapi import responses

    data, headers = scorer.picture(
        browser, request.path_params["key"], request.query_params)
    return responses.Response(
        data, media_type="application/octet-stream", headers=headers)


def _download(scorer, browser, request):
    from fastapi import responses

    name = request.path_params["name"]
    if name not in downloads.KINDS:
        return answer(dict(error="there is no such download."), 404)
    if not browser.views:
        raise files.InputError("the page holds no view yet; drop some files.")
    make, kind = downloads.KINDS[name]
    return cleared(responses.Response(make(scorer, browser), media_type=kind, headers={
        "Content-Disposition": f'attachment; filename="{name}"'}))


OF_BROWSER = {"/results": ("GET", _results), "/remove": ("POST", _remove),
              "/picture/{key}": ("GET", _picture),
              "/download/{name}": ("GET", _download)}


def of_browser(
        work: Callable, scorer: "scoring.Scorer", held: browsers.Browsers,
        turn: Any) -> "Callable[[Request], Awaitable[Response]]":
    """A route that asks something of the browser's views.

    Args:
        work: function of scorer, views and request that returns a response.
        scorer: what scores files.
        held: the views of all browsers.
        turn: `anyio.Lock`; one thing is done after the other.
    """
    import anyio

    async def route(request):
        if reason := foreign(request):
            return answer(dict(error=reason), 403)
        # Not before its turn: the views of the browser least used go meanwhile.
        async with turn:
            token, browser = held.of(request.cookies.get(cookie(request)))
            try:
                response = await anyio.to_thread.run_sync(
                    work, scorer, browser, request)
            except files.InputError as error:
                response = answer(dict(error=commands.one_line(error)), 422)
            except (OSError, MemoryError) as error:
                response = answer(dict(error=no_room(error)), 507)
        return with_cookie(request, response, token)
    return route


async def scored(request: "Request", scorer: "scoring.Scorer",
                 state: tuple) -> "Response":
    """The response to one file.

    Args:
        request: with the file as body.
        scorer: what scores it.
        state: the views of all browsers, an entry per request under way, and
            `anyio.Lock`; files are scored in turn.
    """
    import anyio
    from starlette.requests import ClientDisconnect

    held, waiting, turn = state
    waiting.append(None)
    try:
        data = await limited(request)
        async with turn:
            token, browser = held.of(request.cookies.get(cookie(request)))
            response = answer(await anyio.to_thread.run_sync(
                scorer.score, urllib.parse.unquote(request.headers["x-name"]),
                data, request.headers.get("x-frame", ""), browser))
        return with_cookie(request, response, token)
    except files.InputError as error:
        status = 413 if isinstance(error, TooLargeError) else 422
        return answer(dict(error=commands.one_line(error)), status)
    except TimeoutError:
        return answer(
            dict(error="the file did not arrive in time; drop it again."), 408)
    except ClientDisconnect:  # nobody reads this
        return answer(dict(error="the file did not arrive."), 400)
    except (OSError, MemoryError) as error:
        return answer(
            dict(error=f"no room to score the file: {no_room(error)}"), 507)
    finally:
        waiting.pop()


async def accounted(request: "Request", scorer: "scoring.Scorer", waiting: list
                    ) -> "Response":
    """The response to the question what became of the files on the page.

    Args:
        request: JSON with `marks` of images, and `refused`, a list of objects with
            `name` and `error`.
        scorer: what scored them.
        waiting: an entry per request under way.
    """
    import anyio

    if reason := refusal(request, waiting):
        return answer(dict(error=reason[1]), reason[0])
    try:
        question = json.loads(await limited(request, MAX_QUESTION))
        marks, refused = question["marks"][:MOST_TOLD], question["refused"][:MOST_TOLD]
        return answer(await anyio.to_thread.run_sync(scorer.session.account, list(
            map(str, marks)), [dict(file) for file in refused]))
    except (files.InputError, ValueError, TypeError, KeyError, RecursionError):
        return answer(dict(error="expected the marks of images as JSON."), 422)


async def limited(request: "Request", most: int | None = None) -> bytearray:
    """The body of a request.

    Args:
        request: the request.
        most: bytes; None: `MAX_BYTES`.

    Raises:
        TooLargeError: it is longer.
        TimeoutError: it stalled for `STALLED` seconds, or took `LONGEST`.
    """
    import anyio

    data, pieces = bytearray(), aiter(request.stream())
    with anyio.fail_after(LONGEST):
        while True:
            with anyio.fail_after(STALLED):
                piece = await anext(pieces, None)
            if piece is None:
                return data
            data += piece
            if len(data) > (most or MAX_BYTES):
                raise TooLargeError(
                    f"the file is larger than {MAX_BYTES >> 20} MB; no mammogram is.")
