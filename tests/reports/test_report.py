"""Reports as HTML pages, in a browser where there is one."""

import base64
import json
import pathlib
import re
import time

import browser
import numpy as np
import pytest
import recorded

from end2end.explanation import overlays
from end2end.reports import report
from end2end.serve import scoring


def picture(grey, size=(40, 30)):
    return overlays.png(np.full(size, grey, np.uint8))


def layer(name):
    strength = np.zeros((20, 20), np.uint8)
    strength[5:8, 12:18] = 255
    return report.Layer(name, f"the {name}", overlays.png(strength), "areas",
                        "Colour: anything.")


def hung(side, view, exam="w1"):
    # The picture of 40 rows and 30 columns stands for a mammogram of 400 and 300.
    return report.Hanging(side, view, "right" if side == "R" else "left", (400, 300),
                          0.1, exam)


LINE = dict(kind="malignant", points=[[0.1, 0.1], [0.6, 0.1], [0.6, 0.3]])
CASES = [
    report.Case("right_pos", picture(50), 0.9, 1, details={"view": "CC"},
                hanging=hung("R", "CC"), flags=("too dark",)),
    report.Case("wrong <b>&\"</script>", picture(150), 0.8, 0,
                (layer("saliency"), layer("heatmap")), {"view": "MLO"},
                hung("L", "MLO"), (LINE,), groups=("Breast: score 0.7",)),
    report.Case("right_neg", picture(100), 0.2, 0, (layer("saliency"),),
                {"view": "CC"}, hung("L", "CC")),
]
POINT = report.Operating(0.5, "90.0 % sensitivity on the images of val", 0.9, 0.8)
SECTIONS = [
    report.Heading("Result"), report.Text("a < b"),
    report.Table(("set", "AUC"), [("<script>alert(1)</script>", 0.98765)], "AUCs"),
    report.Figure(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "ROC"),
    report.Gallery([(picture(10), "calc_mal")], "Patches"),
    report.Heading("Cases"), report.Cases(CASES, "Test images", POINT),
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
    cases = json.loads(data[0])["cases"]
    assert [case["name"] for case in cases] == [
        'wrong <b>&"</script>', "right_neg", "right_pos"]
    assert cases[0]["lines"] == [LINE] and cases[0]["groups"] == ["Breast: score 0.7"]
    assert (cases[0]["width"], cases[0]["height"], cases[0]["wall"]) == (
        300, 400, "left")


def test_cases_without_labels_are_sorted_by_score():
    text = report.page([report.Cases(
        [report.Case("a", picture(1), 0.1), report.Case("b", picture(1), 0.7)])],
        title="t", trained_on="x")
    assert text.index(">b</button>") < text.index(">a</button>")
    assert "wrong only" not in text


def test_one_heading_needs_no_contents():
    for count, shown in ((1, False), (2, True)):
        text = report.page([report.Heading("a")] * count, title="t", trained_on="x")
        assert ('class="contents"' in text) == shown


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


def choose(page, name, value):
    from selenium.webdriver.support.select import Select
    Select(find(page, f"select[data-detail='{name}']")[0]).select_by_value(value)


def test_flags_and_details_of_few_values_are_filters(page):
    choose(page, "flags", "any")
    assert names(page) == ["right_pos"]
    choose(page, "flags", "too dark")
    assert names(page) == ["right_pos"]
    choose(page, "flags", "")
    choose(page, "view", "MLO")
    assert names(page) == ['wrong <b>&"</script>']
    choose(page, "view", "")


def typed(page, name, value):
    page.execute_script(
        "arguments[0].value = arguments[1];"
        "arguments[0].dispatchEvent(new Event('input'))",
        find(page, f"input.{name}")[0], value)


def test_errors_follow_the_threshold_and_its_meaning_the_prevalence(page):
    meaning = find(page, ".meaning")[0]
    assert "90.0 % sensitivity on the images of val" in meaning.text
    # One of one cancer, one of two others: at 0.6 % they are 1.2 % of the positive.
    assert "Sensitivity 1.000, specificity 0.500 on these images" in meaning.text
    assert "1.2 % would show cancer where 0.60 %" in meaning.text
    typed(page, "prevalence", 10)
    assert "18.2 % would show cancer" in meaning.text
    typed(page, "threshold", 0.95)
    find(page, ".filters button[data-kind=falsenegative]")[0].click()
    assert names(page) == ["right_pos"]
    typed(page, "threshold", 0.1)
    find(page, ".filters button[data-kind=falsepositive]")[0].click()
    assert set(names(page)) == {'wrong <b>&"</script>', "right_neg"}
    typed(page, "threshold", "")
    assert names(page) == [] and meaning.text == ""
    find(page, ".filters button[data-kind='']")[0].click()
    typed(page, "threshold", 0.5)
    typed(page, "prevalence", 0.6)


def test_without_an_operating_point_nothing_is_called_negative():
    text = report.page([report.Cases(CASES)], title="t", trained_on="x")
    assert 'value="" placeholder="none"' in text
    assert "called" not in text.split("<script>")[0]


def opened(page, name='wrong <b>&"</script>'):
    row, = (one for one in find(page, ".cases tbody tr .open") if one.text == name)
    row.click()
    until(lambda: not find(page, ".pane.loading"))
    return {one.get_attribute("aria-label").split(".")[0]: one
            for one in find(page, ".pane:not(.empty)")}


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.05)
    return value


def grey_at(page, pane, x, y):
    """What a pane shows at shares of its width and height."""
    page.execute_async_script("requestAnimationFrame(() => requestAnimationFrame("
                              "arguments[0]))")
    return page.execute_script(
        "const c = arguments[0].querySelector('canvas');"
        "return c.getContext('2d').getImageData(arguments[1] * c.width,"
        "arguments[2] * c.height, 1, 1).data[0]", pane, x, y)


def test_an_exam_hangs_with_its_chest_walls_together(page):
    panes = opened(page)
    assert len(panes) == 3 and len(find(page, ".pane.empty")) == 1
    order = [one.get_attribute("data-place") or one.text.split("\n")[0]
             for one in find(page, ".pane")]
    assert order == ["R MLO", "L MLO", "R CC", "L CC"]
    right, left = panes["Mammogram right_pos"], panes["Mammogram right_neg"]
    # Right breasts reach the right edge of their pane, left ones the left edge.
    assert [grey_at(page, right, x, 0.5) for x in (0.03, 0.97)] == [0, 50]
    assert [grey_at(page, left, x, 0.5) for x in (0.03, 0.97)] == [100, 0]
    find(page, "#viewer-exam")[0].click()
    assert len(find(page, ".pane")) == 1
    find(page, "#viewer-exam")[0].click()
    find(page, "#viewer-close")[0].click()


def test_wheel_drag_and_keys_enlarge_and_move_all_panes_alike(page):
    from selenium.webdriver import ActionChains, Keys
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
    panes = opened(page)
    state = find(page, ".viewer .state")[0]
    assert state.text.startswith("zoom 1.00")
    right, left = panes["Mammogram right_pos"], panes["Mammogram right_neg"]
    ActionChains(page).scroll_from_origin(
        ScrollOrigin.from_element(left), 0, -100).perform()
    until(lambda: state.text.startswith("zoom 1.25"))
    ActionChains(page).drag_and_drop_by_offset(left, 200, 0).perform()
    # Away from the chest wall for both: what was hidden beside it comes into view.
    assert [grey_at(page, right, x, 0.5) for x in (0.03, 0.97)] == [0, 0]
    assert grey_at(page, left, 0.03, 0.5) == 0
    page.execute_script("arguments[0].focus()", left)
    page.switch_to.active_element.send_keys("0")
    assert state.text.startswith("zoom 1.00")
    assert grey_at(page, right, 0.97, 0.5) == 50
    page.switch_to.active_element.send_keys("++")
    assert state.text.startswith("zoom 1.56")
    page.switch_to.active_element.send_keys("4")
    assert "window 0 to 60 %" in state.text
    assert find(page, ".tools [aria-pressed=true]")[0].text == "fatty"
    assert grey_at(page, left, 0.5, 0.5) == pytest.approx(100 / 0.6, abs=2)
    page.switch_to.active_element.send_keys("2i")
    assert grey_at(page, left, 0.5, 0.5) == pytest.approx(155, abs=2)
    page.switch_to.active_element.send_keys("i0")
    page.switch_to.active_element.send_keys(Keys.ESCAPE)


def test_two_fingers_enlarge(page):
    panes = opened(page)
    page.execute_script("""
      const pane = arguments[0], box = pane.getBoundingClientRect();
      const touch = (type, id, x) => pane.dispatchEvent(new PointerEvent(type, {
        pointerId: id, pointerType: "touch", bubbles: true, clientX: box.left + x,
        clientY: box.top + 60}));
      touch("pointerdown", 11, 100); touch("pointerdown", 12, 140);
      touch("pointermove", 12, 180);
      touch("pointerup", 11, 100); touch("pointerup", 12, 180);
    """, panes["Mammogram right_neg"])
    assert find(page, ".viewer .state")[0].text.startswith("zoom 2.00")
    find(page, "#viewer-close")[0].click()


def over_at(page, pane, x, y):
    """Opacity of maps and lines over a pane, the largest near a place."""
    return page.execute_script(
        "const c = arguments[0].querySelectorAll('canvas')[1];"
        "return Math.max(...c.getContext('2d').getImageData(arguments[1] * c.width - 3,"
        "arguments[2] * c.height - 3, 7, 7).data.filter((_, i) => i % 4 === 3))",
        pane, x, y)


def test_maps_lie_on_their_place_and_lines_stay_thin(page):
    pane = opened(page)['Mammogram wrong <b>&"</script>']
    width, height = pane.rect["width"], pane.rect["height"]
    shown = height * 300 / 400 / width
    until(lambda: over_at(page, pane, shown * 15 / 20, 6.5 / 20) > 0)
    assert over_at(page, pane, shown * 15 / 20, 15 / 20) == 0
    assert over_at(page, pane, shown * 0.35, 0.1) > 200, "the outline"
    slider = find(page, "input[data-opacity=saliency]")[0]
    assert slider.get_attribute("aria-label") == "Opacity of the saliency"
    find(page, "input[data-layer=saliency]")[0].click()
    page.execute_async_script("requestAnimationFrame(() => requestAnimationFrame("
                              "arguments[0]))")
    assert over_at(page, pane, shown * 15 / 20, 6.5 / 20) == 0
    find(page, "input[data-layer=saliency]")[0].click()
    assert "Colour: anything." in find(page, ".legend")[0].text
    find(page, "#viewer-close")[0].click()


def test_the_keyboard_alone_opens_walks_and_closes(page):
    from selenium.webdriver.common.keys import Keys

    first = find(page, ".cases tbody tr .open")[0]
    page.execute_script("arguments[0].focus()", first)
    page.switch_to.active_element.send_keys(Keys.ENTER)
    assert find(page, "#viewer-place")[0].text == "case 1 of 3"
    page.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert find(page, "#viewer-place")[0].text == "case 2 of 3"
    page.switch_to.active_element.send_keys("h")
    assert "maps hidden" in find(page, ".viewer .state")[0].text
    page.switch_to.active_element.send_keys("h")
    page.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not find(page, "dialog[open]")
    # Browsers give the focus back themselves, and then tell that the dialog closed.
    until(lambda: page.switch_to.active_element.text == names(page)[1])


def test_no_request_leaves_the_page_and_the_console_stays_empty(page):
    # The browser's advice on how the tests themselves read its canvases is no fault.
    assert [entry for entry in page.get_log("browser")
            if entry["source"] != "rendering"] == []
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


def test_a_filter_of_long_values_fits_a_phone(page):
    page.set_window_size(500, 800)
    page.execute_script(
        "document.querySelector('.filters option').textContent = 'long '.repeat(40)")
    width = page.execute_script("return document.documentElement.scrollWidth")
    assert width <= page.execute_script("return window.innerWidth")
    page.set_window_size(1280, 900)
    page.refresh()


def test_printed_views_hang_at_one_scale_with_chest_walls_together(
        page, path, tmp_path):
    cases = [report.Case(side, picture(50), 0.9, hanging=report.Hanging(
        side, "CC", "left", shape, 0.1, "w1"))
        for side, shape in (("R", (200, 150)), ("L", (400, 300)))]
    page.get(report.write_report(tmp_path / "two.html", [report.Cases(cases)],
                                 title="Two", trained_on="nothing").as_uri())
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    page.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    right, left = page.execute_script("""
        return [...document.querySelectorAll('.sheet figure')].map(figure => {
            const box = figure.querySelector('image').getBoundingClientRect();
            return {box: [box.left, box.right, box.height], text: figure.textContent};
        });""")
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    page.get(path.as_uri())
    assert right["box"][1] == pytest.approx(left["box"][0], abs=1)
    assert left["box"][2] == pytest.approx(2 * right["box"][2], abs=1)
    # Its chest wall is at the left of the file.
    assert ["shown mirrored" in view["text"] for view in (right, left)] == [True, False]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_page_nor_in_the_viewer(page, scheme):
    browser.in_colours(page, scheme)
    assert browser.axe_findings(page) == []
    opened(page)
    assert browser.axe_findings(page) == []
    find(page, "#viewer-close")[0].click()
    browser.in_colours(page, "light")


def test_it_prints_as_pages_of_a4_with_each_exam_hung_on_a_page(page):
    data = base64.b64decode(page.execute_cdp_cmd("Page.printToPDF", {
        "preferCSSPageSize": True, "printBackground": True})["data"])
    boxes = re.findall(rb"/MediaBox \[0 0 ([0-9.]+) ([0-9.]+)\]", data)
    assert len(boxes) >= 2
    for width, height in boxes:
        # 210 by 297 mm in points.
        assert (float(width), float(height)) == pytest.approx((595.3, 841.9), abs=1.5)
    assert data.count(b"/Subtype /Image") >= 3
    assert not find(page, ".print-only")


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


def test_the_body_of_a_page_is_as_recorded():
    cases = [*CASES, report.Case(
        "unknown", picture(7), 0.25, details={"view": "", "n": 3},
        flags=("a<b", "too dark"))]
    sections = [*SECTIONS[:-1], report.Heading("Third", 3), report.Gallery(
        [(b"\xff\xd8\xffjpeg", "x"), (b"RIFFwebp", "y")]), report.Table(
        ("a", "b"), [(True, None), (2, 1.23456)]), report.Cases(cases, "All", POINT),
        report.Cases([report.Case("b", b"<svg/>", 0.5), report.Case(
            "c", b"<svg/>", 0.75, details={"x": 1})], classes=("no", "yes"),
            prevalence=0.25)]
    text = report.page(sections, title="T & t", trained_on="nothing")
    text = re.sub(r"<style>.*?</style>|<script>.*?</script>", "", text, flags=re.DOTALL)
    text = re.sub(r"sha256-[^']*'", "sha256'", text)
    recorded.check("report-page", re.sub(
        r"base64,([\w+/=]{12})[\w+/=]*", r"base64,\1", text).replace("><", ">\n<"))


@pytest.mark.parametrize(("count", "shown"), [(1, 0), (2, 2), (8, 8), (9, 0)])
def test_details_of_two_to_eight_values_are_filters(count, shown):
    cases = [report.Case(str(number), b"", 0.5, details={
        "site": f"S{number % count}", "flags": f"f{number}", "n": number})
        for number in range(10)]
    page = report._selects(cases)
    assert [f'<option value="S{number}">' in page for number in range(9)] == (
        [True] * shown + [False] * (9 - shown))
    assert "data-detail" not in page.replace('data-detail="site"', "")


def test_filters_have_eight_flags_of_sixty_signs():
    flags = [f"{number} {'<' * 70}" for number in range(9)]
    page = report._selects([report.Case("a", b"", 0.5, flags=tuple(flags))])
    assert page == (
        '<label>flags <select data-detail="flags"><option value="">all</option>'
        '<option value="none">none</option><option value="any">any</option>'
        + "".join(f'<option value="{number} {"&lt;" * 70}">{number} {"&lt;" * 58}'
                  "</option>" for number in range(8)) + "</select></label>")
