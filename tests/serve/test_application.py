"""The local page: what it answers, what it refuses, and how it looks in a browser."""

import contextlib
import io
import json
import re
import socket
import time
import types
import urllib.error
import urllib.parse
import urllib.request
import zipfile

import browser
import cv2
import dicom_writer
import local_page
import numpy as np
import pytest
import tiny_classifier
from local_page import drop, find, shown, until

from end2end import checkpoints
from end2end.serve import __main__ as program
from end2end.serve import application, browsers, scoring
from end2end.utils import files

pytest.importorskip("fastapi", reason="pip install fastapi uvicorn httpx to run these")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_classifier.save(tmp_path_factory.mktemp("model") / "best.h5")


@pytest.fixture(scope="module")
def client(model, tmp_path_factory):
    testclient = pytest.importorskip("fastapi.testclient")
    scorer = scoring.Scorer([checkpoints.load_classifier(model)],
                            folder=tmp_path_factory.mktemp("held"))
    return testclient.TestClient(
        application.application(scorer), base_url=f"http://{application.HOST}:7860")


def png(seed=1):
    return cv2.imencode(".png", tiny_classifier.picture(seed))[1].tobytes()


def ask(client, data, name="P_1_LEFT_CC.png", **headers):
    return client.post("/score", content=data, headers={"X-Name": name, **headers})


@pytest.fixture(autouse=True)
def empty(request):
    """Each test has a browser of its own."""
    if "client" in request.fixturenames:
        request.getfixturevalue("client").cookies.clear()


def test_a_png_gets_score_side_view_and_layers(client):
    answer = ask(client, png())
    found = answer.json()
    assert answer.status_code == 200 and 0 < found["score"] < 1
    assert (found["laterality"], found["view"]) == ("L", "CC")
    assert [layer["name"] for layer in found["layers"]] == ["guided", "gradcam"]
    assert found["layers"][0]["image"].startswith("data:image/png")
    assert (found["height"], found["width"]) == (80, 60)


def test_the_picture_comes_in_full_as_grey_values(client):
    mark = ask(client, png()).json()["mark"]
    for part in ("", "?left=0&top=0&right=1&bottom=1&rows=80"):
        reply = client.get(f"/picture/{mark}{part}")
        assert (reply.headers["X-Width"], reply.headers["X-Height"]) == ("60", "80")
        shown = np.frombuffer(reply.content, "<u2").reshape(80, 60)
        pixels = tiny_classifier.picture(1)
        np.testing.assert_allclose(shown, pixels * (65535 / pixels.max()), atol=1)
        assert reply.headers["X-Right"] == "1.0"
    assert client.get("/picture/unknown").status_code == 422


def test_a_part_of_a_picture_comes_as_it_is_kept(client):
    mark = ask(client, png()).json()["mark"]
    whole = np.frombuffer(client.get(f"/picture/{mark}").content, "<u2").reshape(80, 60)
    part = dict(left=0.25, top=0.5, right=0.751, bottom=0.75, rows=20)
    reply = client.get(f"/picture/{mark}", params=part)
    shape = [int(reply.headers[f"X-{side}"]) for side in ("Height", "Width")]
    box = [float(reply.headers[f"X-{side}"]) for side in (
        "Left", "Top", "Right", "Bottom")]
    assert shape == [20, 31] and box == [15 / 60, 0.5, 46 / 60, 0.75]
    np.testing.assert_array_equal(
        np.frombuffer(reply.content, "<u2").reshape(shape), whole[40:60, 15:46])
    coarse = client.get(f"/picture/{mark}", params=part | dict(rows=10))
    assert (coarse.headers["X-Width"], coarse.headers["X-Height"]) == ("16", "10")


def test_what_is_no_part_of_a_picture_is_refused(client):
    mark = ask(client, png()).json()["mark"]
    reply = client.get(f"/picture/{mark}", params=dict(
        left=0.8, top=0.5, right=0.75, bottom=0.75, rows=20))
    assert reply.status_code == 422 and "shares of the picture" in reply.json()["error"]


def test_views_stay_with_their_browser_and_go_when_they_are_removed(client):
    first = ask(client, png()).json()
    second = ask(client, png(2), "P_1_LEFT_MLO.png").json()
    assert second["exam"] == first["exam"] and second["groups"][0].endswith("2 images")
    shown = client.get("/results").json()["views"]
    assert [view["name"] for view in shown] == ["P_1_LEFT_CC.png", "P_1_LEFT_MLO.png"]
    cookies = dict(client.cookies)
    client.cookies.clear()
    assert client.get("/results").json()["views"] == []
    reply = client.get(f"/picture/{first['mark']}")
    assert (reply.status_code, reply.json()) == (
        422, dict(error="this view is no longer there; reload the page."))
    client.cookies.clear()
    client.cookies.update(cookies)
    left = client.post("/remove", headers={"X-Id": first["mark"]}).json()["views"]
    assert [view["mark"] for view in left] == [second["mark"]]


def test_the_cookie_is_for_this_page_alone(client):
    cookie = ask(client, png()).headers["set-cookie"].lower()
    assert "set-cookie" not in ask(client, png()).headers
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert cookie.startswith("session-7860=")
    bare = types.SimpleNamespace(url=types.SimpleNamespace(port=None))
    assert application.cookie(bare) == "session-80"
    for place in ("/results", "/download/report.html"):
        assert client.get(place, headers={"Origin": "http://a.b"}).status_code == 403


def test_more_views_than_a_page_holds_are_refused_and_named(client, monkeypatch):
    monkeypatch.setattr(application.browsers, "MOST_VIEWS", 1)
    assert ask(client, png()).status_code == 200
    full = ask(client, png(2), "P_1_LEFT_MLO.png")
    assert (full.status_code, full.json()) == (
        422, dict(error="the page holds 1 views already; remove some."))


def test_everything_can_be_taken_away(client, tmp_path):
    for name in ("pictures.zip", "dicom-results.zip", "report.html"):
        reply = client.get(f"/download/{name}")
        assert (reply.status_code, reply.json()) == (
            422, dict(error="the page holds no view yet; drop some files."))
    reply = client.get("/download/other")
    assert (reply.status_code, reply.json()) == (
        404, dict(error="there is no such download."))
    ask(client, png())
    assert "no view came as a DICOM file" in client.get(
        "/download/dicom-results.zip").json()["error"]
    dicom = dicom_writer.write(
        tmp_path / "b.dcm", tiny_classifier.picture(2) >> 4, ImageLaterality="R",
        ViewPosition="MLO", StudyInstanceUID="1.2.1", SeriesInstanceUID="1.2.2",
        SOPInstanceUID="1.2.3")
    ask(client, dicom.read_bytes(), "b.dcm")

    def names(place):
        reply = client.get(f"/download/{place}")
        assert f'filename="{place}"' in reply.headers["Content-Disposition"]
        return sorted(zipfile.ZipFile(io.BytesIO(reply.content)).namelist())
    assert names("pictures.zip") == [
        "P_1_LEFT_CC.heatmap.png", "P_1_LEFT_CC.saliency.png", "b.heatmap.png",
        "b.saliency.png", "legend.txt"]
    pytest.importorskip("highdicom", reason="pip install highdicom to run the rest")
    assert names("dicom-results.zip")[:2] == ["b.overlay.dcm", "b.report.dcm"]
    page = client.get("/download/report.html").text
    assert page.count("<tr data-case=") == 2 and "P_1_LEFT_CC.png" in page


def test_the_score_is_that_of_the_prediction_command(client, model, tmp_path):
    from end2end import predict
    from end2end.prediction import grouping
    (tmp_path / "P_1_LEFT_CC.png").write_bytes(png())
    predict.main([str(model), str(tmp_path / "P_1_LEFT_CC.png"),
                  "--out", str(tmp_path / "s.csv")])
    row, = grouping.read_rows(tmp_path / "s.csv")
    assert ask(client, png()).json()["score"] == pytest.approx(
        float(row["score"]), abs=1e-7)


def test_a_refused_file_gets_its_sentence_without_a_place_on_disk(client, tmp_path):
    path = dicom_writer.write(
        tmp_path / "a.dcm", PresentationIntentType="FOR PROCESSING")
    answer = ask(client, path.read_bytes(), "raw image.dcm")
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("raw_image.dcm is a raw image FOR PROC")
    name = urllib.parse.quote("../../<b>x.png")
    assert "/" not in ask(client, b"no image", name).json()["error"]


def test_a_frame_that_is_no_number_is_refused(client):
    reply = ask(client, png(), **{"X-Frame": "one"})
    assert (reply.status_code, reply.json()) == (
        422, dict(error="frame one is no number; expected 0, 1, ..."))


def test_too_large_a_file_is_refused(client, monkeypatch):
    monkeypatch.setattr(application, "MAX_BYTES", 1000)
    reply = ask(client, png())
    assert (reply.status_code, reply.json()) == (
        413, dict(error="the file is larger than 0 MB; no mammogram is."))
    monkeypatch.setattr(application, "MAX_BYTES", len(png()))
    assert ask(client, png()).status_code == 200
    monkeypatch.setattr(application, "MAX_BYTES", 3 << 20)
    reply = ask(client, bytes(3 << 20 | 1))
    assert reply.json()["error"] == "the file is larger than 3 MB; no mammogram is."


def test_more_requests_than_may_wait_are_refused(client, monkeypatch):
    monkeypatch.setattr(application, "MAX_WAITING", 0)
    reply = ask(client, png())
    assert (reply.status_code, reply.json()) == (
        503, dict(error="too many images at once; wait for those before."))
    assert client.post("/account", content="{}", headers={
        "X-Name": "account"}).status_code == 503


def test_the_page_asks_what_became_of_its_files(client, monkeypatch):
    mark = ask(client, png()).json()["mark"]

    def account(content):
        return client.post("/account", content=content, headers={"X-Name": "account"})
    told = account(json.dumps(dict(marks=[mark], refused=[dict(name="b", error="c")])))
    assert told.json()["lines"][0].startswith("images: 2 found, 1 understood, 1 refus")
    assert told.json()["images"][mark]["votes"] in ("yes", "alone")
    monkeypatch.setattr(application, "MOST_TOLD", 2)
    told = account(json.dumps(dict(marks=["x", "y", mark], refused=[{}] * 3)))
    assert told.json()["lines"][0].startswith("images: 2 found, 0 understood, 2 refus")
    for wrong in ("", "[]", "{}", '{"marks": 1, "refused": []}',
                  '{"marks": [], "refused": [1]}', "[" * 100_000,
                  json.dumps(dict(marks=[], refused=[], more="x" * 2_000_000))):
        reply = account(wrong)
        assert (reply.status_code, reply.json()) == (
            422, dict(error="expected the marks of images as JSON.")), wrong[:40]
    assert client.post("/account", content="{}").status_code == 400


def test_other_sites_and_other_names_of_this_machine_are_refused(client):
    reply = ask(client, png(), Origin="http://evil.example")
    assert (reply.status_code, reply.json()) == (
        403, dict(error="only the page itself may ask."))
    assert client.get("/results", headers={
        "Origin": "http://evil.example"}).status_code == 403
    assert ask(client, png(), Host="evil.example").status_code == 400
    reply = client.post("/score", content=png())
    assert (reply.status_code, reply.json()) == (
        400, dict(error="the header X-Name, the name of the file, is missing."))


def test_pages_allow_nothing_but_themselves(client):
    answer = client.get("/")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "http://" not in answer.text and "https://" not in answer.text
    for place in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(place).status_code == 404


def test_the_socket_is_of_this_machine_alone_and_a_taken_port_is_refused():
    listening = program.bound(0)
    address, port = listening.getsockname()
    assert address == "127.0.0.1"
    with pytest.raises(files.InputError, match=f"port {port} cannot be used"):
        program.bound(port)
    listening.close()


def test_a_page_of_the_same_address_with_tls_is_another_page(client):
    host = f"{application.HOST}:7860"
    assert ask(client, png(), Origin=f"https://{host}").status_code == 403
    assert ask(client, png(), Origin="null").status_code == 403
    assert ask(client, png(), Origin=f"http://{host}").status_code == 200


def test_memory_goes_back_after_each_file_and_download(client, monkeypatch):
    returned = []
    monkeypatch.setattr(application.processes, "return_freed_memory",
                        lambda: returned.append(1))
    ask(client, png())
    ask(client, b"no picture")
    assert len(returned) == 2
    client.get("/download/report.html")
    assert len(returned) == 3
    assert ask(client, png(), Origin="http://evil.example").status_code == 403
    assert len(returned) == 3


def test_a_reply_that_cannot_be_sent_is_one_line_and_other_failures_are_not(caplog):
    import anyio

    async def answering(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})

    async def failing(scope, receive, send):
        raise KeyError("a bug")

    async def closed(message):
        raise RuntimeError("the connection\nis closed")
    anyio.run(application.WithHeaders(answering), {}, None, closed)
    assert caplog.messages == ["a reply could not be sent: the connection is closed"]
    with pytest.raises(KeyError, match="a bug"):
        anyio.run(application.WithHeaders(failing), {}, None, closed)


@pytest.mark.parametrize("headers", [
    {"X-Frame": "9" * 5000}, {"X-Frame": "\u0663".encode()}, {"X-Frame": "-1"}])
def test_a_frame_of_thousands_of_digits_is_refused(client, headers):
    answer = ask(client, png(), **headers)
    assert answer.status_code == 422 and len(answer.json()["error"]) < 200


@pytest.mark.parametrize(("name", "length"), [
    ("\U00020000" * 100 + ".png", 100), ("a" * 5000, 100), ("", 0), (".", 0), ("..", 2),
    ("%ED%A0%80", 3), ("a%00b.png", 7)])
def test_names_of_any_kind_are_answered(client, name, length):
    quoted = name if "%" in name else urllib.parse.quote(name)
    reply = ask(client, png(), quoted)
    assert reply.status_code == 200 and len(reply.json()["name"]) == length


def test_every_reply_has_the_headers(client, monkeypatch):
    replies = [client.get("/"), client.get("/missing"), client.put("/score"),
               client.get("/about"), client.get("/", headers={"Host": "evil.example"}),
               ask(client, png(), Origin="http://evil.example")]
    assert {reply.status_code for reply in replies} == {200, 400, 403, 404, 405}
    for reply in replies:
        for name, value in application.HEADERS.items():
            assert reply.headers[name] == value


def test_a_fault_of_the_program_is_a_sentence_with_the_headers(model, tmp_path):
    testclient = pytest.importorskip("fastapi.testclient")

    class Faulty:
        folder = tmp_path

        def score(self, *_):
            raise LookupError("a fault")

    client = testclient.TestClient(
        application.application(Faulty()), raise_server_exceptions=False,
        base_url=f"http://{application.HOST}:7860")
    reply = ask(client, png())
    assert reply.status_code == 500 and reply.json() == dict(
        error="the program failed at this file; see its window.")
    assert reply.headers["X-Frame-Options"] == "DENY"


def test_the_page_s_own_files_come_with_their_kinds(client):
    for place, (_, kind) in application.PAGES.items():
        reply = client.get(place)
        assert reply.status_code == 200 and reply.content
        assert reply.headers["content-type"].split(";")[0] == kind.split(";")[0]
    assert {client.post(place).status_code for place in (*application.PAGES, "/about"
                                                         )} == {405}


@pytest.mark.parametrize(("error", "status", "sentence", "of_results"), [
    (OSError("No space left"), 507, "no room to score the file: No space left",
     (507, "No space left")),
    (MemoryError(), 507, "no room to score the file: too little memory",
     (507, "too little memory")),
    (TimeoutError("late"), 408, "the file did not arrive in time; drop it again.",
     (507, "late")),
    (files.InputError("two\nlines"), 422, "two lines", (422, "two lines"))])
def test_a_full_disk_is_a_sentence(tmp_path, error, status, sentence, of_results):
    testclient = pytest.importorskip("fastapi.testclient")

    class Full:
        folder = tmp_path

        def score(self, *_):
            raise error

        results = score

    client = testclient.TestClient(application.application(Full()),
                                   base_url=f"http://{application.HOST}:7860")
    for reply, expected in ((ask(client, png()), (status, sentence)),
                            (client.get("/results"), of_results)):
        assert (reply.status_code, reply.json()) == (
            expected[0], dict(error=expected[1]))


def test_a_client_that_leaves_frees_its_place_among_those_that_wait(monkeypatch):
    import anyio
    from starlette.requests import ClientDisconnect

    async def left(request):
        assert waiting == [7, None]
        raise ClientDisconnect
    monkeypatch.setattr(application, "limited", left)
    waiting = [7]
    reply = anyio.run(application.scored, None, None, (None, waiting, None))
    assert (reply.status_code, json.loads(reply.body)) == (
        400, dict(error="the file did not arrive."))
    assert waiting == [7]


def test_the_name_of_a_file_is_never_on_disk(model, tmp_path, monkeypatch):
    names = []
    read = scoring.images.read

    def listed(path, **how):
        names.extend(entry.name for entry in tmp_path.iterdir())
        assert path.stat().st_mode & 0o077 == 0
        return read(path, **how)
    monkeypatch.setattr(scoring.images, "read", listed)
    scorer = scoring.Scorer([checkpoints.load_classifier(model)], folder=tmp_path)
    held = browsers.Browser(tmp_path / "held")
    scored = scorer.score("P_1_LEFT_CC.png", png(), "", held)
    assert (scored["patient"], scored["laterality"], scored["view"]) == (
        "P_1", "L", "CC")
    first, second = sorted(names)
    assert first == "held" and re.fullmatch(r"upload-[0-9a-f]{32}\.png", second)
    assert {path.stem for path in held.folder.iterdir()} == {scored["mark"]}
    held.remove(scored["mark"])
    assert not any(held.folder.iterdir())


# In a browser ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def address(model, tmp_path_factory):
    """The page as `end2end serve` serves it; nothing stays when it ends."""
    with local_page.served(model, tmp_path_factory.mktemp("temporary")) as address:
        yield address


def test_an_upload_that_stalls_ends_with_a_sentence_and_others_are_scored(
        client, monkeypatch):
    monkeypatch.setattr(application, "STALLED", 0.1)

    def pieces():
        yield png()[:100]
        time.sleep(0.5)
        yield png()[100:]
    # The test client sends a body as one piece; so the pieces are asked for here.
    import anyio

    class Request:
        async def stream(self):
            for piece in pieces():
                await anyio.sleep(0.3)
                yield piece
    with pytest.raises(TimeoutError):
        anyio.run(application.limited, Request())
    assert ask(client, png()).status_code == 200


@pytest.mark.slow
def test_uploads_that_stall_or_leave_cost_the_served_page_nothing(address):
    host, port = urllib.parse.urlsplit(address).netloc.split(":")
    for _ in range(application.MAX_WAITING + 1):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(
                f"POST /score HTTP/1.1\r\nHost: {host}:{port}\r\nX-Name: a.png\r\n"
                "Content-Length: 1000\r\n\r\nhalf".encode())
    request = urllib.request.Request(
        f"{address}score", png(), {"X-Name": "P_1_LEFT_CC.png"})

    def view():
        # Until the page has noticed that the others left, there may be too many.
        with contextlib.suppress(urllib.error.HTTPError), \
                urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)["view"]
    assert until(view, seconds=10) == "CC"


@pytest.fixture(scope="module")
def page(address, tmp_path_factory):
    with browser.chromium(tmp_path_factory.mktemp("browser")) as driver:
        driver.get(address)
        until(lambda: driver.find_elements("css selector", "body[data-ready]"))
        yield driver


@pytest.fixture(scope="module")
def filled(page, tmp_path_factory):
    """The page with two exams."""
    tmp_path = tmp_path_factory.mktemp("dropped")
    (tmp_path / "P_1_LEFT_CC.png").write_bytes(png())
    (tmp_path / "P_1_RIGHT_CC.png").write_bytes(png(4))
    dicom = dicom_writer.write(tmp_path / "b.dcm", tiny_classifier.picture(2) >> 4,
                               ImageLaterality="R", ViewPosition="MLO")
    drop(page, tmp_path / "P_1_LEFT_CC.png", tmp_path / "P_1_RIGHT_CC.png", dicom)
    return page


def exam(page, number):
    """Chooses an exam and waits for its pictures; its button."""
    find(page, "#exams button")[number].click()
    until(lambda: not find(page, ".pane.loading"))
    return find(page, "#exams button")[number]


def test_dropped_files_are_scored_hung_and_windowed(filled):
    page = filled
    first = exam(page, 0)
    second = find(page, "#exams button")[1]
    assert first.text.startswith("P_1\n2 views")
    assert re.match(r"patient [a-z2-7]{10}\n1 view", second.text)
    assert [pane.text.split("\n")[0] for pane in find(page, ".pane")] == [
        "R CC, shown mirrored", "L CC"]
    bright = shown(page, find(page, ".pane")[1])
    assert bright.max() > 250
    page.find_element("css selector", ".pane:not(.empty)").send_keys("4")
    assert shown(page, find(page, ".pane")[1]).mean() > bright.mean() + 10
    page.find_element("css selector", ".pane:not(.empty)").send_keys("2")
    second.click()
    assert len(find(page, ".pane")) == 1
    assert "R MLO" in page.find_element("class name", "image-facts").text


def test_what_was_scored_is_there_after_reload_and_back(filled):
    page = filled
    exam(page, 0)
    exam(page, 1)
    names = [button.text for button in find(page, "#exams button")]
    page.refresh()
    until(lambda: find(page, "body[data-ready]"))
    assert [button.text for button in find(page, "#exams button")] == names
    assert len(find(page, ".pane")) == 1, "the exam that was chosen"
    page.back()
    until(lambda: len(find(page, ".pane")) == 2)
    page.find_element("id", "all").click()
    assert len(find(page, ".pane")) >= 3


def test_a_threshold_is_said_to_be_typed_where_no_model_carries_one(filled):
    page = filled
    exam(page, 0)
    assert "carry no operating point" in page.find_element("id", "point").text
    assert "no threshold is set" in find(page, ".pane")[0].text
    page.execute_script(
        "const t = document.getElementById('threshold'); t.value = 0.5;"
        "t.dispatchEvent(new Event('input'))")
    assert "typed here" in page.find_element("id", "point").text
    assert "below the threshold 0.5" in find(page, ".pane")[0].text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_light_and_dark(filled, scheme):
    page = filled
    exam(page, 0)
    browser.in_colours(page, scheme)
    assert browser.axe_findings(page) == []
    browser.in_colours(page, "light")


def test_a_refused_file_is_shown_with_its_reason(page, tmp_path):
    path = tmp_path / "text.dcm"
    path.write_text("no image")
    drop(page, path)
    assert "text.dcm" in page.find_element("id", "refused").text


def test_a_stack_can_be_asked_for_a_frame_of_its_own(page, tmp_path):
    stack = np.stack([tiny_classifier.picture(seed) >> 4 for seed in (2, 3)])
    path = dicom_writer.write(tmp_path / "stack.dcm", stack, NumberOfFrames=2,
                              ImageLaterality="L", ViewPosition="CC")
    drop(page, path)
    item = find(page, "#refused li")[-1]
    assert "stack of 2 frames" in item.text
    page.execute_script("arguments[0].value = 1",
                        item.find_element("css selector", "input"))
    item.find_element("css selector", "button").click()
    until(lambda: "stack.dcm" in page.execute_script(
        "return views.map(view => view.name).join()"))
    assert "stack.dcm" not in page.find_element("id", "refused").text


def test_the_page_says_what_became_of_its_files(page, tmp_path):
    for name in ("P_9_LEFT_CC.png", "P_9_LEFT_CC-copy.png"):
        (tmp_path / name).write_bytes(png())
    drop(page, *sorted(tmp_path.iterdir(), reverse=True))
    count = int(page.execute_script("return document.body.dataset.accounted"))
    text = page.find_element("id", "counts").text
    assert f"images: {count} found" in text and "not looked at: 0" in text
    page.execute_script("document.querySelectorAll('#exams button').forEach("
                        "b => b.textContent.startsWith('P_9') && b.click())")
    assert any("the same image as" in one.text for one in find(page, ".votes"))
    link = page.find_element("id", "csv")
    assert link.get_attribute("href").startswith("blob:http://127.0.0.1")
    assert link.get_attribute("download") == "scores.csv"
    find(page, "[data-remove]")[-1].click()
    until(lambda: page.execute_script("return document.body.dataset.accounted"
                                      ) == str(count - 1))


@pytest.mark.slow
def test_no_request_leaves_the_machine_and_nothing_is_reported(page, address):
    asked = [json.loads(entry["message"])["message"]
             for entry in page.get_log("performance")]
    urls = [one["params"]["request"]["url"] for one in asked
            if one["method"] == "Network.requestWillBeSent"]
    # The browser's own first page, which lies within it.
    urls = [url for url in urls
            if not url.startswith(("chrome:", "chrome-untrusted:"))]
    assert any(url.endswith("/score") for url in urls)
    outside = [url for url in urls if not url.startswith((address, "data:"))]
    assert outside == []
    severe = [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"
              and "422" not in entry["message"]]
    assert severe == []
