"""Chromium driven by selenium, and what the tests read from the pages of a report. Importing this needs selenium."""

import json
import shutil
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.ui import WebDriverWait

_PATIENCE_S = 30
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1400,1900",
)


def start_browser(profile: Path) -> webdriver.Chrome:
    """Start the system's Chromium with an empty profile; it notes what it loads."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for option in (*_OPTIONS, f"--user-data-dir={profile}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver") or ""))


class Page:
    """A page of a report; every look waits until the page has what is looked for."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def text(self) -> str:
        """All text that the current frame shows."""
        return self.driver.find_element("tag name", "body").text

    def wait_for(self, text: str) -> None:
        """Wait until the current frame shows `text`."""
        WebDriverWait(self.driver, _PATIENCE_S).until(lambda _: text in self.text(), f"no {text!r} on the page")

    def find(self, selector: str) -> Any:
        """Wait for the element that a CSS selector names."""
        located = expected_conditions.presence_of_element_located(("css selector", selector))
        return WebDriverWait(self.driver, _PATIENCE_S).until(located, f"no {selector} on the page")

    def click(self, text: str) -> None:
        """Click on the first thing whose text is exactly `text`."""
        self.wait_for(text)
        [element, *_] = self.driver.find_elements("xpath", f"//*[text()='{text}']")
        self.driver.execute_script("arguments[0].click()", element)

    def open_test(self, name: str) -> None:
        """Go from the tree to the page of a test."""
        self.click(name)
        self.wait_for("Overview")

    def enter_description(self) -> None:
        """Go into the frame with the description of a test."""
        entered = expected_conditions.frame_to_be_available_and_switch_to_it(("css selector", "iframe"))
        WebDriverWait(self.driver, _PATIENCE_S).until(entered)

    def size_of(self, picture: Any) -> tuple[int, int]:
        """The own size of a picture; that of a broken one is 0."""
        loaded = "return arguments[0].complete && arguments[0].naturalWidth > 0"
        WebDriverWait(self.driver, _PATIENCE_S).until(lambda driver: driver.execute_script(loaded, picture))
        script = "return [arguments[0].naturalWidth, arguments[0].naturalHeight]"
        width, height = self.driver.execute_script(script, picture)
        return int(width), int(height)

    def web_addresses(self) -> list[str]:
        """Every http address that the browser has asked for."""
        entries: list[Any] = self.driver.execute("getLog", {"type": "performance"})["value"]
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        sent = [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]
        return [address for address in sent if address.startswith("http")]
