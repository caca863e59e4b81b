"""The HTML report as somebody sees it: Allure 3 makes it, Debian's Chromium opens it."""

import functools
import http.server
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reports.html import generate
from tests.reports.sample_session import run_sample_session
from tests.reports.tools import require

if TYPE_CHECKING:
    from tests.reports.pages import Page

pytestmark = pytest.mark.slow


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    require("browser", "node", "npm", "chromium", "chromedriver", modules=("selenium", "allure_pytest"))
    folder = tmp_path_factory.mktemp("report")
    generate(run_sample_session(folder), folder / "site")
    handler = functools.partial(QuietHandler, directory=str(folder / "site"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser(site: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Page"]:
    # selenium is only there with the dev extra, so it is imported once the fixture above has found it.
    pages = import_module("tests.reports.pages")
    driver = pages.start_browser(tmp_path_factory.mktemp("profile"))
    yield pages.Page(driver)
    driver.quit()


@pytest.fixture
def page(site: str, browser: "Page") -> "Page":
    browser.driver.switch_to.default_content()
    browser.driver.get("about:blank")
    browser.driver.get(site)
    return browser


def test_the_tree_goes_from_document_to_section_to_requirement(page: "Page") -> None:
    page.wait_for("test_push")
    lines = page.text().splitlines()
    places = [lines.index(line) for line in ("RFC 9293", "Section 3.9.1.2", "RFC9293-MUST-60", "test_push")]
    assert places == sorted(places)


def test_the_page_of_a_failed_test_shows_what_was_wanted_and_what_came(page: "Page") -> None:
    page.open_test("test_push")
    page.wait_for("want  P. 1:1001(1000) ack 1")
    page.wait_for("got   . 1:1001(1000) ack 1 win 65535")
    page.wait_for("Critical")
    page.wait_for("reference:linux")


def test_the_page_of_a_failed_test_shows_requirement_verdict_and_ladder(page: "Page") -> None:
    page.open_test("test_push")
    page.enter_description()
    page.wait_for("RFC9293-MUST-60 MUST (RFC 9293, Section 3.9.1.2)")
    page.wait_for("Verdict: fail")
    picture = page.find("img[alt='Ladder diagram']")
    width, height = page.size_of(picture)
    assert picture.is_displayed()
    assert width > 500
    assert height > 200


def test_the_ladder_marks_the_failing_line(page: "Page") -> None:
    page.open_test("test_push")
    page.enter_description()
    source = page.find("img[alt='Ladder diagram']").get_attribute("src")
    page.driver.switch_to.default_content()
    page.driver.get(source)
    got, want = page.find("g.row.got"), page.find("g.row.want")
    assert "got  . 1:1001(1000) ack 1 win 65535" in got.text
    assert "want P. 1:1001(1000) ack 1" in want.text
    assert got.is_displayed()
    fill = got.find_element("css selector", "text.strong").value_of_css_property("fill")
    red, green, blue = (int(part) for part in fill.removeprefix("rgb(").removesuffix(")").split(","))
    assert red > 2 * max(green, blue)
    dashes = [line.value_of_css_property("stroke-dasharray") for line in want.find_elements("css selector", "line")]
    assert dashes == ["6px, 4px"]


def test_the_ladder_is_also_an_attachment_that_unfolds(page: "Page") -> None:
    page.open_test("test_push")
    for name in ("Want and got", "push.pkt", "Capture"):
        page.wait_for(name)
    page.click("Ladder diagram")
    width, _ = page.size_of(page.find("img[src*='.svg'], img[src^='blob:']"))
    assert width > 500


def test_the_categories_are_the_verdicts(page: "Page") -> None:
    page.click("Categories")
    page.wait_for("fail: breaks a MUST or an expectation")


def test_the_report_asks_nobody_else(page: "Page") -> None:
    page.wait_for("test_push")
    addresses = page.web_addresses()
    assert addresses
    assert [address for address in addresses if not address.startswith("http://127.0.0.1:")] == []


def test_a_second_report_in_one_file_replaces_the_first(site: str, tmp_path: Path) -> None:
    results = run_sample_session(tmp_path)
    first = generate(results, tmp_path / "out")
    assert generate(results, tmp_path / "out", single_file=True) == first
    assert {each.suffix for each in first.parent.iterdir()} == {".html", ".json"}
