"""The local page driven by mouse, wheel, touch and keyboard, in Chromium."""

import browser
import cv2
import local_page
import numpy as np
import pytest
import tiny_classifier
from local_page import drop, find, shown, until

# A browser and a server for each worker: 8 seconds before the first test.
pytestmark = pytest.mark.slow

pytest.importorskip("fastapi", reason="pip install fastapi uvicorn to run these")
SHAPE = (2400, 1800)


def striped():
    """A picture like a breast whose columns are darker and brighter in turn."""
    soft = cv2.resize(tiny_classifier.picture(1), SHAPE[::-1])
    return (soft // 2 + 12000 * (np.arange(SHAPE[1]) % 2)).astype(np.uint16)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page with both breasts of a woman."""
    folder = tmp_path_factory.mktemp("page")
    model = tiny_classifier.save(folder / "best.h5")
    for name, pixels in (("P_1_LEFT_CC.png", striped()),
                         ("P_1_RIGHT_CC.png", striped()[:, ::-1])):
        cv2.imwrite(str(folder / name), pixels)
    with (local_page.served(model, folder) as address,
          browser.chromium(folder) as driver):
        driver.get(address)
        until(lambda: find(driver, "body[data-ready]"))
        drop(driver, *sorted(folder.glob("*.png")))
        yield driver


@pytest.fixture
def panes(page):
    """The two panes, right breast first, with the whole mammograms."""
    right, left = find(page, ".pane")
    page.execute_script("arguments[0].focus()", left)
    page.switch_to.active_element.send_keys("02")
    assert state(page).startswith("zoom 1.00, window 0 to 100 %")
    return right, left


def state(page):
    return find(page, ".viewer .state")[0].text


def chest_walls(page, panes):
    """How far the mammogram is from the inner edge of each pane, in pixels."""
    right, left = (shown(page, pane).max(axis=0) > 0 for pane in panes)
    return int(np.argmax(right[::-1])), int(np.argmax(left))


def test_the_wheel_enlarges_both_views_about_the_pointer(page, panes):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin

    right, left = panes
    before = shown(page, left)
    ActionChains(page).scroll_from_origin(
        ScrollOrigin.from_element(left), 0, -100).perform()
    until(lambda: state(page).startswith("zoom 1.25"))
    after = shown(page, left)
    rows, columns = before.shape
    # What is below the pointer stays.
    middle = np.s_[rows // 2 - 3:rows // 2 + 3, columns // 2 - 3:columns // 2 + 3]
    assert after[middle].mean() == pytest.approx(before[middle].mean(), abs=3)
    assert np.abs(after - before).max() > 30
    ActionChains(page).scroll_from_origin(
        ScrollOrigin.from_element(right), 0, 100).perform()
    until(lambda: state(page).startswith("zoom 1.00"))


def test_the_mouse_moves_both_views_and_with_shift_changes_the_window(page, panes):
    from selenium.webdriver import ActionChains, Keys

    right, left = panes
    left.send_keys("+")
    assert chest_walls(page, panes) != (40, 40)
    before = chest_walls(page, panes)
    ActionChains(page).drag_and_drop_by_offset(left, 90, 0).perform()
    after = chest_walls(page, panes)
    # Away from the wall in both.
    assert after[0] > before[0] and after[1] > before[1]
    ActionChains(page).key_down(Keys.SHIFT).drag_and_drop_by_offset(
        left, 40, 0).key_up(Keys.SHIFT).perform()
    assert "window -5 to 105 %" in state(page)


def fingers(page, kind, *points):
    """Sends a touch as a screen does: `touchStart`, `touchMove` or `touchEnd`."""
    page.execute_cdp_cmd("Input.dispatchTouchEvent", dict(type=kind, touchPoints=[
        dict(x=x, y=y, id=number) for number, (x, y) in enumerate(points)]))


def mammogram_at(page, pane, x, y):
    """Which column and row of the mammogram a place of the window shows."""
    return page.execute_script("""
      const box = arguments[0].getBoundingClientRect();
      const pane = viewer.panes.find(({node}) => node === arguments[0]);
      const {a, b, c, d} = pane.place(box.width, box.height);
      return [(arguments[1] - box.left - c) / a, (arguments[2] - box.top - d) / b];""",
                               pane, x, y)


def test_one_finger_moves_and_two_enlarge_about_their_middle(page, panes):
    right, left = panes
    scrolled = page.execute_script("return scrollY")
    x, y = page.execute_script(
        "const box = arguments[0].getBoundingClientRect();"
        "return [box.left + box.width / 2, box.top + box.height / 2]", left)
    before = chest_walls(page, panes)
    fingers(page, "touchStart", (x, y))
    for step in range(1, 9):
        fingers(page, "touchMove", (x + 10 * step, y))
    fingers(page, "touchEnd")
    until(lambda: chest_walls(page, panes)[1] == before[1] + 80)
    assert chest_walls(page, panes)[0] == before[0] + 80
    left.send_keys("0")
    # Near the lower corner at the chest wall.
    x, y = x - left.rect["width"] / 2 + 45, y + left.rect["height"] / 2 - 35
    before = mammogram_at(page, left, x, y)
    fingers(page, "touchStart", (x - 20, y), (x + 20, y))
    for step in range(1, 9):
        fingers(page, "touchMove", (x - 20 - 2.5 * step, y), (x + 20 + 2.5 * step, y))
    fingers(page, "touchEnd")
    until(lambda: state(page).startswith("zoom 2.00"))
    assert mammogram_at(page, left, x, y) == pytest.approx(before, abs=8)
    assert page.execute_script("return scrollY") == scrolled, "the page stayed"


def test_the_keyboard_alone_enlarges_moves_windows_and_hides(page, panes):
    from selenium.webdriver import Keys

    _, left = panes
    outline = page.execute_script("return getComputedStyle(arguments[0]).outlineWidth",
                                  page.switch_to.active_element)
    assert float(outline.removesuffix("px")) >= 2, "the step of the keyboard is seen"
    left.send_keys("++", Keys.ARROW_RIGHT)
    assert state(page).startswith("zoom 1.56")
    moved = shown(page, left)
    left.send_keys(Keys.ARROW_LEFT)
    assert np.abs(shown(page, left) - moved).max() > 30
    left.send_keys("3ih")
    assert state(page) == "zoom 1.56, window 30 to 100 %, inverted, maps hidden"
    left.send_keys("ih0")


def test_enlarged_views_have_every_pixel_of_the_file(page, panes):
    _, left = panes
    soft = np.abs(np.diff(shown(page, left), axis=1)).max(axis=1)
    left.send_keys("1")

    def steps():
        grey = shown(page, left).astype(int)
        rows, columns = grey.shape
        line = grey[rows // 2, columns // 3:columns // 2]
        return np.abs(np.diff(line))
    until(lambda: steps().min() > 40)
    assert np.median(steps()) > 60
    assert np.median(soft) < 40, "the whole mammogram has fewer pixels on the screen"


def test_a_view_waiting_for_its_turn_follows_by_being_stretched(page, panes):
    _, left = panes
    matrix = page.execute_script("""
      const pane = viewer.panes[1];
      Object.assign(viewer.state, {zoom: 2});
      pane.stretch();
      return new DOMMatrix(pane.base.style.transform).toFloat64Array();""")
    assert (matrix[0], matrix[5]) == pytest.approx((2, 2))
    page.execute_script("viewer.changed()")
    until(lambda: page.execute_script(
        "return viewer.panes[1].base.style.transform") == "")
    left.send_keys("0")
