# SPDX-License-Identifier: Apache-2.0
"""The page for people, in a real browser without a window: a run from queued to its end, a lost connection, markup that
must stay text, both colour schemes, and a phone. SCREENSHOTS names a folder to keep pictures in."""

import base64
import os

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from harness import eventually, free_port
from harness.web import Web

pytestmark = pytest.mark.slow

MARKUP = "<img src=x onerror=\"document.title='pwned'\"><script>document.title='pwned'</script>"
WIDE, PHONE = (1200, 900), (360, 740)
CONTRAST_MIN = 4.5
# The contrast (WCAG 2.1) of every text with what is behind it; gives the bad ones.
CONTRAST = """
const parse = c => c.match(/[\\d.]+/g).map(Number);
const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b; };
const behind = n => { for (; n; n = n.parentElement) { const c = parse(getComputedStyle(n).backgroundColor);
  if (c.length < 4 || c[3] > 0) return c.slice(0, 3); } return [255, 255, 255]; };
const bad = [];
let texts = 0;
for (const node of document.querySelectorAll('body *')) {
  if (node.offsetParent === null || ![...node.childNodes].some(c => c.nodeType === 3 && c.data.trim())) continue;
  texts++;
  const a = light(parse(getComputedStyle(node).color).slice(0, 3)), b = light(behind(node));
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (ratio < arguments[0]) bad.push([node.textContent.slice(0, 40), ratio]);
}
return [texts, bad];
"""


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                     "--disable-background-networking", "--disable-component-update"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    yield Browser(driver)
    driver.quit()


class Browser:
    def __init__(self, driver):
        self.driver = driver

    def open(self, web, size=WIDE, scheme="light"):
        self.driver.get_log("browser")
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]})
        self.driver.get(f"http://{web.listen}/")
        eventually(lambda: self.text("#state .tag") not in ("", "connecting"), "the page's first state")
        return self

    def find(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        """What a person sees, of the first such element."""
        return self.driver.execute_script("const n = document.querySelector(arguments[0]); return n ? n.innerText : ''",
                                          selector)

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def wait_text(self, selector, *words, timeout=15):
        return eventually(lambda: all(word in self.text(selector) for word in words) and self.text(selector),
                          f"{words} in {selector}", timeout)

    def picture(self, name):
        folder = os.environ.get("SCREENSHOTS")
        if folder:
            size = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
            self.driver.execute_script("window.scrollTo(0, 0)")
            data = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": {
                "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}})["data"]
            with open(os.path.join(folder, name + ".png"), "wb") as file:
                file.write(base64.b64decode(data))

    def complaints(self):
        """Errors of the page itself; a connection that is refused while the bridge is away is none."""
        return [entry for entry in self.driver.get_log("browser")
                if entry["level"] == "SEVERE" and "net::ERR_" not in entry["message"]]


def test_a_run_from_queued_to_its_end(site, browser):
    web = site.serve_web()
    site.start(run_ms=3000, iterations=10)
    page = browser.open(web)
    assert page.text("#open") == "No run is open." and page.text("#waiting") == "Nothing waits."
    site.api.settings(logDelayMs=500)
    command = site.send("execute", {"templateContext": {"n": 1}})
    page.wait_text("#open", "recalibrate", command.request_id, "queued")
    page.wait_text("#open", "inProgress", "in progress")
    assert "1 open" in page.wait_text("#jobs li", "1 open")
    seen = set()

    def grows():
        bars = page.script("return [...document.querySelectorAll('#open [role=progressbar]')]"
                           ".map(n => [Number(n.getAttribute('aria-valuenow')), n.firstElementChild.offsetWidth])")
        seen.update(tuple(bar) for bar in bars)
        return len({bar for bar in seen if 0 < bar[0] < 100}) >= 2
    eventually(grows, "a bar that grows")
    page.picture("run-open")
    page.wait_text("#ended", command.request_id, "succeeded", "100 % — 10 succeeded")
    assert page.text("#open") == "No run is open."
    assert [width for _, width in sorted(seen)] == sorted(width for _, width in seen)
    assert len(page.find("#log details")) == len(command.entries())
    page.find("#log summary")[0].click()
    assert '"resourceJobExecutionId"' in page.text("#log pre")
    assert page.complaints() == []


def test_a_lost_connection_is_told_and_found_again(site, browser):
    web = site.serve_web()
    site.start()
    page = browser.open(web)
    assert not page.find("#lost")[0].is_displayed()
    site.bridge.kill()
    eventually(lambda: page.find("#lost")[0].is_displayed(), "that the connection is lost")
    assert "Connection lost" in page.text("#lost")
    page.picture("lost")
    site.start_bridge()
    eventually(lambda: not page.find("#lost")[0].is_displayed(), "that it is found again", 20)
    command = site.send("execute", {"templateContext": {}})
    page.wait_text("#ended", command.request_id, "succeeded")
    assert page.complaints() == []


def test_with_a_token(site, browser):
    """As a browser asks for it: any user, and the token as the password; the events come by the same."""
    path = os.path.join(site.folder, "web-token")
    with open(path, "w", encoding="utf-8") as file:
        file.write("s3cret")
    web = site.serve_web(f"0.0.0.0:{free_port()}", token_file=path)
    site.start()
    port = web.listen.rpartition(":")[2]
    browser.driver.get(f"http://anybody:s3cret@127.0.0.1:{port}/healthz")
    page = browser.open(Web(f"127.0.0.1:{port}"))
    command = site.send("execute", {"templateContext": {}})
    page.wait_text("#ended", command.request_id, "succeeded")
    assert page.complaints() == []


def test_markup_stays_text(site, browser):
    """In a requestId, a context and so a log entry, a topic, a dead letter's payload, a job's name."""
    site.config["jobs"][0]["name"] = "<b>job"
    site.config["routes"][0]["replies"] = "r/{device}" + "/x" * 60
    web = site.serve_web()
    site.start()
    page = browser.open(web)
    site.send("execute", {"templateContext": {"x": MARKUP}}, job="<b>job", request_id=MARKUP)
    site.client.publish("devices/" + MARKUP.replace("/", "") + "d" * 65300 + "/jobs/tune/cmd/get", MARKUP, wait=False)
    page.wait_text("#ended", MARKUP, "<b>job", "succeeded")
    page.wait_text("#dead", MARKUP.replace("/", ""), MARKUP)
    page.find("#log summary")[0].click()
    assert "onerror" in page.text("#log pre")
    assert page.find("main img, main script, b b, main b:not(.tag)") == []
    assert "pwned" not in page.driver.title
    page.picture("markup")
    # Nor does a script get in when it stands in the page: the policy forbids it.
    page.script("const s = document.createElement('script'); s.textContent = \"document.title = 'pwned'\";"
                "document.body.append(s)")
    assert "pwned" not in page.driver.title
    # Nothing is asked of anybody else.
    urls = page.script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert urls and all(url.startswith(f"http://{web.listen}/") for url in urls)


def busy_site(site):
    web = site.serve_web()
    site.config["routes"][0]["replies"] = "r/{device}" + "/x" * 60
    site.put_gate()
    site.start(run_ms=60000, iterations=10)
    site.api.settings(ends="errored", runMs=200)
    for index in range(2):
        site.send("execute", {"templateContext": {"n": index}}, request_id=f"calibration-{index}").wait_state("queued")
    site.api.settings(ends="completed", failed=3)
    site.send("execute", {"templateContext": {"n": 3}}, job="tune", request_id="night-shift").wait_state("queued")
    site.api.settings(runMs=60000)
    eventually(lambda: web.status()["runsOpen"] == 0, "the ends of these")
    for index in range(3):
        site.send("execute", {"templateContext": {"n": index}}, request_id=f"oven-{index}-adjustment")
    site.client.publish("devices/" + "d" * 65300 + "/jobs/tune/cmd/get", '{"what": "is this"}', wait=False)
    eventually(lambda: len(web.status()["runs"]) == 6, "all runs")
    site.gate.close()
    for index in range(3):
        site.send("execute", {"templateContext": {}}, request_id=f"held-{index}")
    eventually(lambda: web.status()["api"]["breaker"] == "open", "an API that is away")
    return web


def test_light_dark_and_on_a_phone(site, browser):
    web = busy_site(site)
    backgrounds = set()
    for scheme in ("light", "dark"):
        for name, size in (("wide", WIDE), ("phone", PHONE)):
            page = browser.open(web, size, scheme)
            page.wait_text("#waiting", "held-0", "calls of the API are held")
            page.wait_text("#state", "degraded")
            page.wait_text("#ended", "errored")
            assert "oven-0" in page.text("#open") and "held-0" not in page.text("#open"), "it is no run yet"
            assert "D1" in page.text("#dead")
            page.picture(f"{scheme}-{name}")
            texts, bad = page.script(CONTRAST, CONTRAST_MIN)
            assert texts > 40 and bad == [], (scheme, bad)
            width = page.script("return [document.documentElement.scrollWidth, window.innerWidth]")
            assert width[0] <= width[1] == size[0], f"it scrolls sideways: {width}"
            backgrounds.add(page.script("return getComputedStyle(document.body).backgroundColor"))
    assert len(backgrounds) == 2
    assert browser.complaints() == []


def test_a_screen_reader_finds_its_way(site, browser):
    web = site.serve_web()
    site.start()
    page = browser.open(web)
    assert page.script("return document.documentElement.lang") == "en"
    assert len(page.find("h1")) == 1
    nameless = page.script("""return [...document.querySelectorAll('section')].filter(s => {
        const n = document.getElementById(s.getAttribute('aria-labelledby')); return !n || !n.innerText; }).length""")
    assert nameless == 0
    assert page.find("#state")[0].get_attribute("role") == "status"
    assert page.find("#lost")[0].get_attribute("role") == "alert"
