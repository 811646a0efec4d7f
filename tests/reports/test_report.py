"""Reports as HTML pages, in a browser where there is one."""

import json
import pathlib
import re

import browser
import cv2
import numpy as np
import pytest

from end2end.explanation import overlays
from end2end.reports import report
from end2end.serve import scoring


def picture(grey, size=(40, 30)):
    return overlays.png(np.full(size, grey, np.uint8))


def red(size=(40, 30)):
    return overlays.png(overlays.coloured(np.ones(size, np.float32)))


CASES = [
    report.Case("right_pos", picture(50), 0.9, 1, details={"view": "CC"}),
    report.Case("wrong <b>&\"</script>", picture(150), 0.8, 0,
                (("saliency", red()), ("outlines", red())), {"view": "MLO"}),
    report.Case("right_neg", picture(100), 0.2, 0, (("saliency", red()),),
                {"view": "CC"}),
]
SECTIONS = [
    report.Heading("Result"), report.Text("a < b"),
    report.Table(("set", "AUC"), [("<script>alert(1)</script>", 0.98765)], "AUCs"),
    report.Figure(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "ROC"),
    report.Gallery([(picture(10), "calc_mal")], "Patches"),
    report.Heading("Cases"), report.Cases(CASES, "Test images"),
]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return report.write_report(
        tmp_path_factory.mktemp("report") / "report.html", SECTIONS,
        title="A & <b>", trained_on="phantoms <only>")


def test_everything_is_escaped_and_nothing_comes_from_elsewhere(path):
    text = path.read_text()
    assert "A &amp; &lt;b&gt;" in text and "a &lt; b" in text
    assert "&lt;script&gt;alert(1)" in text and "<script>alert" not in text
    assert "phantoms &lt;only&gt;" in text and "Research use only" in text
    assert "Scientific Reports 9, 12495" in text and "0.988" in text
    sources = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert all(one.startswith(("data:", "#")) for one in sources)
    assert "default-src 'none'" in text


def test_the_most_wrong_case_is_first_and_its_data_survive(path):
    data = re.findall(r'<script type="application/json">(.*?)</script>',
                      path.read_text(), re.DOTALL)
    cases = json.loads(data[0])
    assert [case["name"] for case in cases] == [
        'wrong <b>&"</script>', "right_neg", "right_pos"]
    assert cases[0]["wrong"] and not cases[1]["wrong"]
    assert cases[0]["verdict"] == "Score 0.800, called pos; truth: neg (wrong)"


def test_cases_without_labels_are_sorted_by_score():
    text = report.page([report.Cases(
        [report.Case("a", picture(1), 0.1), report.Case("b", picture(1), 0.7)])],
        title="t", trained_on="x")
    assert text.index(">b</button>") < text.index(">a</button>")
    assert "wrong only" not in text


def test_a_placeholder_in_a_text_is_not_filled():
    text = report.page([report.Text("{{script}} {x}")], title="t", trained_on="x")
    assert "{{script}} {x}" in text


@pytest.fixture(scope="module")
def page(path, tmp_path_factory):
    with browser.chromium(tmp_path_factory.mktemp("browser")) as driver:
        driver.get(path.as_uri())
        yield driver


def find(page, selector):
    return page.find_elements("css selector", selector)


def names(page):
    return [one.text for one in find(page, ".cases tbody tr:not([hidden]) .open")]


def test_the_table_sorts_and_filters(page):
    assert names(page) == ['wrong <b>&"</script>', "right_neg", "right_pos"]
    score = find(page, ".cases th button")[1]
    score.click()
    assert names(page)[0] == "right_pos"
    assert find(page, "th[aria-sort]")[0].get_attribute("aria-sort") == "descending"
    score.click()
    assert names(page)[0] == "right_neg"
    find(page, ".filters button[data-kind=wrong]")[0].click()
    assert names(page) == ['wrong <b>&"</script>']
    assert find(page, ".count")[0].text == "1 of 3 images"
    find(page, ".filters button[data-kind='']")[0].click()
    find(page, ".cases th button")[3].click()


def test_a_click_opens_a_case_and_the_slider_changes_the_layer(page):
    find(page, ".cases tbody tr .open")[0].click()
    assert find(page, "#viewer-name")[0].text == 'wrong <b>&"</script>'
    layers = find(page, "#viewer-stage img.layer")
    assert [one.get_attribute("data-layer") for one in layers] == [
        "saliency", "outlines"]
    slider = find(page, "#layer-opacity-0")[0]
    assert slider.get_attribute("aria-label") == "Opacity of saliency"
    page.execute_script("arguments[0].value = 30;"
                        "arguments[0].dispatchEvent(new Event('input'))", slider)
    assert layers[0].value_of_css_property("opacity") == "0.3"
    find(page, "#layer-on-0")[0].click()
    assert layers[0].value_of_css_property("opacity") == "0"
    shown = cv2.imdecode(np.frombuffer(page.get_screenshot_as_png(), np.uint8), 1)
    assert shown.std() > 10
    find(page, "#viewer-close")[0].click()


def test_the_layer_lies_exactly_on_the_mammogram(page):
    for size in ((1280, 900), (400, 800)):
        page.set_window_size(*size)
        find(page, ".cases tbody tr .open")[0].click()
        base, layer = (find(page, f"#viewer-stage img.{one}")[0].rect
                       for one in ("base", "layer"))
        assert base == pytest.approx(layer, abs=1)
        assert base["height"] > 200
        find(page, "#viewer-close")[0].click()
    page.set_window_size(1280, 900)


def test_the_keyboard_alone_opens_walks_and_closes(page):
    from selenium.webdriver.common.keys import Keys

    first = find(page, ".cases tbody tr .open")[0]
    page.execute_script("arguments[0].focus()", first)
    page.switch_to.active_element.send_keys(Keys.ENTER)
    assert find(page, "#viewer-place")[0].text == "case 1 of 3"
    page.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert find(page, "#viewer-place")[0].text == "case 2 of 3"
    page.switch_to.active_element.send_keys("h")
    assert find(page, "img.layer")[0].value_of_css_property("opacity") == "0"
    page.switch_to.active_element.send_keys("h")
    page.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not find(page, "dialog[open]")
    focused = page.switch_to.active_element
    assert focused.text == "right_neg", "the focus returns to the case last seen"


def test_no_request_leaves_the_page_and_the_console_stays_empty(page):
    assert page.get_log("browser") == []
    sent = [json.loads(entry["message"])["message"]["params"]
            for entry in page.get_log("performance")
            if "Network.requestWillBeSent\"" in entry["message"]]
    requested = [one["request"]["url"] for one in sent
                 if one["documentURL"].startswith("file:")]
    assert requested and all(url.startswith(("file:", "data:")) for url in requested)


def test_the_page_fits_a_phone(page):
    page.set_window_size(400, 800)
    width = page.execute_script("return document.documentElement.scrollWidth")
    assert width <= page.execute_script("return window.innerWidth")
    page.set_window_size(1280, 900)


# What a score may be used for -------------------------------------------------------


CARD = pathlib.Path(__file__).parents[2] / "docs" / "model-card.md"


def flat(text):
    return " ".join(text.split())


def test_every_report_begins_with_the_limits_before_any_result():
    page = report.page([report.Heading("Result")], title="A", trained_on="phantoms")
    head = page[:page.index("<main")]
    assert report.escaped(report.LIMITS) in head and report.RESEARCH in head


def test_the_model_card_holds_the_text_of_the_reports():
    card = flat(CARD.read_text(encoding="utf-8"))
    assert report.LIMITS.removesuffix(" More in docs/model-card.md.") in card
    assert report.RESEARCH in card


def test_the_model_card_names_what_is_known_to_fail():
    card = CARD.read_text(encoding="utf-8")
    for word in ("film against digital", "implants", "magnification",
                 "official split", "CC BY-NC-SA 4.0", "Intended use"):
        assert word in card


def test_the_local_page_shows_the_same_text():
    notice = scoring.Scorer([]).about()["notice"]
    assert report.LIMITS in notice and report.RESEARCH in notice
