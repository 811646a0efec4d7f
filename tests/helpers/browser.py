"""A headless Chromium for the tests of HTML pages; absent, they are skipped."""

import contextlib
import importlib.util
import pathlib
import shutil

import pytest

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
         "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
         "--window-size=1280,900")


@contextlib.contextmanager
def chromium(folder, *flags):
    """A browser with a profile of its own below `folder`; logs console and requests."""
    webdriver = pytest.importorskip(
        "selenium.webdriver", reason="selenium is not installed (pip install selenium)")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("no Chromium with its driver; on Debian: apt-get install chromium "
                    "chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    profile = pathlib.Path(folder) / "profile"
    for flag in (*FLAGS, *flags, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
    try:
        yield browser
    finally:
        browser.quit()


def axe_findings(browser):
    """What the accessibility checker axe finds on the page as it is: ids and places."""
    package = importlib.util.find_spec("axe_core_python")
    if package is None:
        pytest.skip("axe is not installed (pip install axe-core-python)")
    source = pathlib.Path(package.origin).with_name("axe.min.js").read_text("utf-8")
    browser.execute_script(source)
    results = browser.execute_async_script(
        "axe.run().then(arguments[0], error => arguments[0]({error: String(error)}))")
    return [(rule["id"], node["target"], node["failureSummary"])
            for rule in results["violations"] for node in rule["nodes"]]


def in_colours(browser, scheme):
    """Shows the page as on a computer set to `light` or `dark`."""
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "features": [{"name": "prefers-color-scheme", "value": scheme}]})
