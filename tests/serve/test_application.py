"""The local page: what it answers, what it refuses, and how it looks in a browser."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import browser
import cv2
import dicom_writer
import numpy as np
import pytest
import tiny_classifier

from end2end import checkpoints
from end2end.serve import __main__ as program
from end2end.serve import application, scoring
from end2end.utils import files

pytest.importorskip("fastapi", reason="pip install fastapi uvicorn httpx to run these")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_classifier.save(tmp_path_factory.mktemp("model") / "best.h5")


@pytest.fixture(scope="module")
def client(model):
    testclient = pytest.importorskip("fastapi.testclient")
    scorer = scoring.Scorer([checkpoints.load_classifier(model)])
    return testclient.TestClient(
        application.application(scorer), base_url=f"http://{application.HOST}:7860")


def png(seed=1):
    return cv2.imencode(".png", tiny_classifier.picture(seed))[1].tobytes()


def ask(client, data, name="P_1_LEFT_CC.png", **headers):
    return client.post("/score", content=data, headers={"X-Name": name, **headers})


def test_a_png_gets_score_side_view_and_layers(client):
    answer = ask(client, png())
    found = answer.json()
    assert answer.status_code == 200 and 0 < found["score"] < 1
    assert (found["laterality"], found["view"]) == ("L", "CC")
    assert found["layers"]["saliency"].startswith("data:image/png")
    assert (found["height"], found["width"]) == (80, 60)


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
    assert ask(client, png(), **{"X-Frame": "one"}).status_code == 422


def test_too_large_a_file_is_refused(client, monkeypatch):
    monkeypatch.setattr(application, "MAX_BYTES", 1000)
    assert ask(client, png()).status_code == 413


def test_more_requests_than_may_wait_are_refused(client, monkeypatch):
    monkeypatch.setattr(application, "MAX_WAITING", 0)
    assert ask(client, png()).status_code == 503


def test_the_page_asks_what_became_of_its_files(client):
    mark = ask(client, png()).json()["mark"]

    def account(content):
        return client.post("/account", content=content, headers={"X-Name": "account"})
    told = account(json.dumps(dict(marks=[mark], refused=[dict(name="b", error="c")])))
    assert told.json()["lines"][0].startswith("images: 2 found, 1 understood, 1 refus")
    assert told.json()["images"][mark]["votes"] in ("yes", "alone")
    for wrong in ("", "[]", "{}", '{"marks": 1, "refused": []}',
                  '{"marks": [], "refused": [1]}', "[" * 100_000, "x" * 2_000_000):
        assert account(wrong).status_code == 422, wrong[:40]
    assert client.post("/account", content="{}").status_code == 400


def test_other_sites_and_other_names_of_this_machine_are_refused(client):
    assert ask(client, png(), Origin="http://evil.example").status_code == 403
    assert ask(client, png(), Host="evil.example").status_code == 400
    assert client.post("/score", content=png()).status_code == 400


def test_pages_allow_nothing_but_themselves(client):
    answer = client.get("/")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "http://" not in answer.text and "https://" not in answer.text
    assert client.get("/docs").status_code == 404


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


@pytest.mark.parametrize("headers", [
    {"X-Frame": "9" * 5000}, {"X-Frame": "\u0663".encode()}, {"X-Frame": "-1"}])
def test_a_frame_of_thousands_of_digits_is_refused(client, headers):
    answer = ask(client, png(), **headers)
    assert answer.status_code == 422 and len(answer.json()["error"]) < 200


@pytest.mark.parametrize("name", [
    "\U00020000" * 100 + ".png", "a" * 5000, "", ".", "..", "%ED%A0%80", "a%00b.png"])
def test_names_of_any_kind_are_answered(client, name):
    quoted = name if "%" in name else urllib.parse.quote(name)
    assert ask(client, png(), quoted).status_code == 200


def test_every_reply_has_the_headers(client, monkeypatch):
    replies = [client.get("/"), client.get("/missing"), client.put("/score"),
               client.get("/about"), client.get("/", headers={"Host": "evil.example"}),
               ask(client, png(), Origin="http://evil.example")]
    assert {reply.status_code for reply in replies} == {200, 400, 403, 404, 405}
    for reply in replies:
        for name, value in application.HEADERS.items():
            assert reply.headers[name] == value


def test_a_fault_of_the_program_is_a_sentence_with_the_headers(model):
    testclient = pytest.importorskip("fastapi.testclient")

    class Faulty:
        def score(self, *_):
            raise LookupError("a fault")

    client = testclient.TestClient(
        application.application(Faulty()), raise_server_exceptions=False,
        base_url=f"http://{application.HOST}:7860")
    reply = ask(client, png())
    assert reply.status_code == 500 and "a fault" not in reply.text
    assert reply.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(("error", "status"), [
    (OSError("No space left"), 507), (MemoryError(), 507), (TimeoutError(), 408)])
def test_a_full_disk_is_a_sentence(error, status):
    testclient = pytest.importorskip("fastapi.testclient")

    class Full:
        def score(self, *_):
            raise error

    client = testclient.TestClient(application.application(Full()),
                                   base_url=f"http://{application.HOST}:7860")
    assert ask(client, png()).status_code == status


def test_the_name_of_a_file_is_never_on_disk(model, tmp_path, monkeypatch):
    names = []
    read = scoring.images.read

    def listed(path, **how):
        names.extend(entry.name for entry in tmp_path.iterdir())
        assert path.stat().st_mode & 0o077 == 0
        return read(path, **how)
    monkeypatch.setattr(scoring.images, "read", listed)
    scorer = scoring.Scorer([checkpoints.load_classifier(model)], folder=tmp_path)
    scored = scorer.score("P_1_LEFT_CC.png", png())
    assert (scored["patient"], scored["laterality"], scored["view"]) == (
        "P_1", "L", "CC")
    assert len(names) == 1 and re.fullmatch(r"upload-[0-9a-f]{32}\.png", names[0])
    assert not any(tmp_path.iterdir())


# In a browser ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def address(model, tmp_path_factory):
    """The page as `python -m end2end.serve` serves it; nothing stays when it ends."""
    temporary = tmp_path_factory.mktemp("temporary")
    process = subprocess.Popen(
        [sys.executable, "-m", "end2end.serve", str(model), "--port", "0",
         "--no-browser"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "TMPDIR": str(temporary)})
    try:
        for line in process.stdout:
            if line.startswith("open http"):
                yield line.split()[1]
                break
        else:
            pytest.fail("the page was not served")
    finally:
        process.terminate()
        process.wait()
    assert not list(temporary.glob("end2end-serve-*"))


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


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.05)
    return found


def drop(page, *paths):
    """Gives files to the page; waits until nothing is under way; the new views."""
    before = len(page.find_elements("css selector", ".view"))
    page.find_element("id", "files").send_keys("\n".join(map(str, paths)))
    views = until(lambda: page.find_elements("css selector", ".view")[before:])
    until(lambda: all(view.find_element("class name", "score").text.startswith(
        ("score", "no score")) for view in views))
    return views


def grey(page, view):
    """The grey values that the browser shows of a view."""
    return np.array(page.execute_script(
        "const c = arguments[0].querySelector('canvas'); return Array.from("
        "c.getContext('2d').getImageData(0, 0, c.width, c.height).data)"
        ".filter((_, i) => i % 4 === 0);", view))


def slide(page, view, name, value):
    page.execute_script(
        "const s = arguments[0].querySelector(arguments[1]); s.value = arguments[2];"
        "s.dispatchEvent(new Event('input'));", view, name, value)


def test_dropped_files_are_scored_windowed_and_laid_over(page, tmp_path):
    (tmp_path / "P_1_LEFT_CC.png").write_bytes(png())
    dicom = dicom_writer.write(tmp_path / "b.dcm", tiny_classifier.picture(2) >> 4,
                               ImageLaterality="R", ViewPosition="MLO")
    first, second = drop(page, tmp_path / "P_1_LEFT_CC.png", dicom)
    assert "P_1 L CC" in first.find_element("class name", "score").text
    text = second.find_element("class name", "score").text
    assert re.search(r"patient [a-z2-7]{10} R MLO", text)
    bright = grey(page, first)
    assert bright.min() < 60 and bright.max() == 255
    slide(page, first, ".level", 60000)
    assert grey(page, first).mean() < bright.mean() - 20
    heatmap = first.find_element("css selector", "img.heatmap")
    assert heatmap.value_of_css_property("opacity") == "0"
    slide(page, first, ".show-heatmap", 50)
    assert heatmap.value_of_css_property("opacity") == "0.5"
    assert page.execute_script("return arguments[0].naturalWidth", heatmap) > 0


def test_a_refused_file_is_shown_with_its_reason(page, tmp_path):
    path = tmp_path / "text.dcm"
    path.write_text("no image")
    view, = drop(page, path)
    assert view.find_element("class name", "score").text == "no score"
    assert "text.dcm" in view.find_element("class name", "flags").text


def test_the_page_says_what_became_of_its_files(page, tmp_path):
    for name in ("P_9_LEFT_CC.png", "P_9_LEFT_CC-copy.png"):
        (tmp_path / name).write_bytes(png())
    count = len(page.find_elements("css selector", ".view")) + 2
    _, double = drop(page, *sorted(tmp_path.iterdir(), reverse=True))
    until(lambda: page.execute_script("return document.body.dataset.accounted"
                                      ) == str(count))
    text = page.find_element("id", "counts").text
    assert f"images: {count} found" in text and "not looked at: 0" in text
    assert "the same image as" in double.find_element("class name", "votes").text
    link = page.find_element("id", "csv")
    assert link.get_attribute("href").startswith("blob:http://127.0.0.1")
    assert link.get_attribute("download") == "scores.csv"
    double.find_element("class name", "remove").click()
    until(lambda: page.execute_script("return document.body.dataset.accounted"
                                      ) == str(count - 1))


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
