"""The page in Chromium: a hand, a keyboard, a phone, the dark, and nothing said or asked for beside it."""

import re
import time

import pytest

from harness.exchange.use import use_of
from harness.explorer.page import page_text
from tests.explorer.browser import CHROMIUM, page

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def clinical(tmp_path_factory):
    """Address of the page of the clinical model."""
    path = tmp_path_factory.mktemp("page") / "clinical.html"
    path.write_text(page_text(use_of("clinical")), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser():
    with page() as opened:
        yield opened


@pytest.fixture
def opened(browser, clinical):
    """The page, anew, on a desk; afterwards it has said nothing and asked for nothing."""
    browser.told.clear()
    browser.requests.clear()
    browser.look(1400, 1000)
    browser.open(clinical)
    yield browser
    assert browser.told == []
    assert {re.sub(r"#.*", "", each) for each in browser.requests if not each.startswith("blob:")} == {
        clinical
    }


LINE = "document.querySelector('#chart-transgene .now-line').getAttribute('d')"


def test_curves_follow_the_keyboard_and_the_published_one_stays(opened):
    opened.run("document.querySelector('#slide-K_off').focus()")
    before, ghost = opened.run(LINE), opened.run(LINE.replace("now-line", "ghost-line"))
    assert before == ghost
    opened.press("ArrowRight", 39)
    opened.until(f"{LINE} !== {before!r}")
    assert opened.run(LINE.replace("now-line", "ghost-line")) == ghost
    assert opened.run("document.querySelector('#set-K_off').value") == "0.0024"
    assert opened.run("location.hash") == "#K_off=0.0024"
    assert opened.run("document.querySelector('#slide-K_off').getAttribute('aria-valuetext')") == "0.0024 1/s"
    assert "--set K_off=0.0024" in opened.run("document.querySelector('#command').textContent")


def test_a_number_that_cannot_be_is_told_and_changes_nothing(opened):
    opened.run("document.querySelector('#set-dose-0-amount').focus()")
    before = opened.run(LINE)
    opened.run(
        "(() => { const f = document.querySelector('#set-dose-0-amount'); f.value = '-5';"
        " f.dispatchEvent(new Event('input')); })()"
    )
    assert opened.run("document.querySelector('#set-dose-0-amount').getAttribute('aria-invalid')") == "true"
    assert "at least one cell" in opened.run("document.querySelector('#told').textContent")
    time.sleep(0.1)
    assert opened.run(LINE) == before


def test_scales_and_the_second_infusion_and_back(opened):
    first = opened.run(LINE)
    opened.click("[data-scale=linear]")
    opened.until(f"{LINE} !== {first!r}")
    assert opened.run("document.querySelector('[data-scale=linear]').getAttribute('aria-pressed')") == "true"
    opened.click("[data-scale=each]")
    opened.until(f"{LINE} === {first!r}")
    opened.run("document.querySelector('#slide-dose-1-amount').focus()")
    opened.press("End", 35)
    opened.until("location.hash.includes('dose2=4.5e9_28_0')")
    opened.click("#reset")
    opened.until(f"{LINE} === {first!r} && location.hash === ''")


def test_a_link_opens_with_its_settings(opened, clinical):
    opened.open(f"{clinical}#K_12=0.5&dose2=1e8_28_0&nothing=1")
    assert opened.run("document.querySelector('#set-K_12').value") == "0.5"
    assert "nothing=1" in opened.run("document.querySelector('#told').textContent")
    assert "1e8@28" in opened.run("document.querySelector('#python').textContent")


def test_a_chart_is_read_by_the_keyboard(opened):
    opened.run("document.querySelector('#chart-transgene').focus()")
    opened.press("ArrowRight", 39)
    read = opened.run("document.querySelector('#chart-transgene .read').textContent")
    assert re.fullmatch(r"day 6: [\d.e]+ copies/µg", read)
    assert opened.run("document.querySelector('#told').textContent") == read


def test_virtual_patients_are_drawn_as_they_come(opened):
    opened.run("document.querySelector('#tab-one').focus()")
    opened.press("ArrowRight", 39)
    opened.until("document.querySelectorAll('#responses rect.bar-part').length > 0")
    early = opened.run("document.querySelector('#done').textContent")
    assert re.match(r"\d+ of 200 patients", early)
    opened.until("document.querySelector('#done').textContent === '200 patients at 4 doses'")
    assert opened.run("document.querySelectorAll('#survival .km').length") == 4
    assert opened.run("document.querySelectorAll('#counts tbody tr').length") == 4


NAMELESS = """
[...document.querySelectorAll('input, select, button, [role=img], [role=tab]')].filter((e) =>
  !(e.labels && e.labels.length) && !e.getAttribute('aria-label') && !e.textContent.trim()
).map((e) => e.outerHTML)
"""

FAINT = """
(() => {
  const linear = (s) => (s <= 0.03928 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4);
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map((x) => linear(x / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const ratio = (colour) => {
    const own = light(colour);
    return (Math.max(own, paper) + 0.05) / (Math.min(own, paper) + 0.05);
  };
  const of = (selector, what) => ratio(getComputedStyle(document.querySelector(selector))[what]);
  return { text: of('body', 'color'), dim: of('.dim', 'color'), now: of('.now-line', 'stroke'),
    ghost: of('.ghost-line', 'stroke') };
})()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_and_on_a_desk_all_is_named_seen_and_within_the_width(opened, clinical, scheme):
    assert opened.run(NAMELESS) == []
    papers = {}
    for width in (390, 1400):
        opened.look(width, 844, scheme)
        opened.open(clinical)
        assert opened.run("document.documentElement.scrollWidth") == width
        contrast = opened.run(FAINT)
        assert contrast["text"] > 7
        assert contrast["dim"] > 4.5
        assert min(contrast["now"], contrast["ghost"]) > 3
        papers[width] = opened.run("getComputedStyle(document.body).backgroundColor")
    assert set(papers.values()) == {"rgb(255, 255, 255)" if scheme == "light" else "rgb(13, 17, 23)"}
    opened.look(390, 844, scheme)
    opened.run("window.scrollTo(0, 700)")
    assert opened.run("document.querySelector('#charts').getBoundingClientRect().top") == 0


def test_the_page_of_ones_own_model_runs(browser, tmp_path):
    path = tmp_path / "own.ant"
    path.write_text("model own()\n  k = 2; x = 1\n  x' = -k*x\nend\n")  # no names, no units
    (tmp_path / "own.html").write_text(page_text(use_of(str(path))), encoding="utf-8")
    browser.told.clear()
    browser.open((tmp_path / "own.html").as_uri())
    assert browser.run("document.querySelectorAll('#charts figure').length") == 1
    assert browser.run("document.querySelector('#chart-x figcaption').textContent") == "x"
    assert browser.run("document.querySelector('#first label').textContent").strip() == "k"
    assert browser.run(NAMELESS) == []
    assert browser.run("document.querySelector('#chart-x .now-line').getAttribute('d').length") > 100
    assert browser.told == []


def test_when_the_hand_rests_the_curves_are_solved_more_finely(opened):
    opened.run("document.querySelector('#slide-K_off').focus()")
    opened.press("ArrowRight", 39)
    opened.until("location.hash === '#K_off=0.0024' && document.body.dataset.settled === 'false'")
    assert opened.run("now.steps > 2 * simulate(state).steps")
