"""The dashboard in a real browser: every page on an empty, a normal and a crowded day, wide and narrow, light and
dark."""

import pytest
from playwright.sync_api import expect

from tests.acceptance import watching
from tests.acceptance.watching import NARROW, WIDE

pytestmark = pytest.mark.usefixtures("made_up")

OVERVIEW = "/tandem/overview/"


@pytest.fixture
def day(grace):
    """Make it such a day."""

    def day(state):
        with grace.database() as connection:
            watching.fill(connection, state)

    return day


def look(tab, *, for_barriers):
    """What is wrong with the page in a tab."""
    tab.locator("h1").first.wait_for()
    wrong = [f"{tab.url} is too wide: {name}" for name in watching.fits(tab)]
    if for_barriers:
        wrong += [f"{tab.url} has a barrier: {one}" for one in watching.barriers(tab)]
    return wrong


# Between them every page in every state, and on a normal day in every look.
LOOKS = {
    "empty": [(NARROW, "dark")],
    "normal": [(WIDE, "light"), (NARROW, "dark")],
    "crowded": [(WIDE, "light")],
}


@pytest.mark.parametrize("state", LOOKS)
def test_every_page(grace, day, state):
    day(state)
    wrong, seen = [], []
    for size, scheme in LOOKS[state]:
        with grace.tab(size, scheme) as tab:
            kinds = set()
            for path in filter(grace.answers_to, watching.pages()):
                grace.open(tab, path)
                wrong += look(tab, for_barriers=True)
                seen.append(path)
                for kind, address in watching.led_to(tab).items():
                    if kind not in kinds and grace.answers_to(address):
                        kinds.add(kind)
                        grace.open(tab, address)
                        wrong += look(tab, for_barriers=True)
    assert wrong == []
    assert {OVERVIEW, "/tandem/schedules/"} <= set(seen)


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "dark"), (NARROW, "light")])
def test_every_page_the_other_way_round(grace, day, size, scheme):
    day("normal")
    wrong = []
    with grace.tab(size, scheme) as tab:
        for path in filter(grace.answers_to, watching.pages()):
            grace.open(tab, path)
            wrong += look(tab, for_barriers=False)
    assert wrong == []


def ask_now(tab):
    """Do what the page does every five seconds."""
    tab.evaluate("htmx.trigger(document.body, 'tick')")


def test_what_a_person_opened_stays_while_the_page_is_renewed(grace, day):
    day("normal")
    with grace.tab() as tab:
        grace.open(tab, OVERVIEW)
        details = tab.locator("#numbers-load")
        details.locator("summary").focus()
        tab.keyboard.press("Enter")
        expect(details).to_have_attribute("open", "")
        tab.evaluate("window.canvas = document.querySelector('#plot-ready canvas')")
        with grace.database() as connection:
            connection.execute("UPDATE tandem_sample SET facts = jsonb_set(facts, '{host,cores}', '16')")
        ask_now(tab)
        expect(tab.locator("article", has_text="on work1").locator(".load")).to_contain_text("on 16")
        expect(details).to_have_attribute("open", "")
        expect(details.locator("summary")).to_be_focused()
        assert tab.evaluate("canvas.isConnected && canvas === document.querySelector('#plot-ready canvas')")
        assert tab.evaluate("document.querySelectorAll('#plot-ready canvas').length") == 1


def test_it_asks_every_five_seconds_and_not_while_nobody_looks(grace, day):
    day("normal")
    with grace.tab() as tab:
        asked = []
        tab.on("request", lambda request: "HX-Request" in request.headers or ("hx-request" in request.headers
               and asked.append(request.url)))  # fmt: skip
        tab.add_init_script(
            "Object.defineProperty(document, 'visibilityState', { get: () => window.away ? 'hidden' : 'visible' })"
        )
        tab.clock.install()
        grace.open(tab, OVERVIEW)
        tab.locator("h1").wait_for()
        with tab.expect_response(lambda answer: "hx-request" in answer.request.headers):
            tab.clock.run_for(5100)
        assert len(asked) == 1
        tab.evaluate("window.away = true")
        tab.clock.run_for(60_000)
        assert len(asked) == 1
        with tab.expect_response(lambda answer: "hx-request" in answer.request.headers):
            tab.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
        assert len(asked) == 2


def test_who_chooses_or_marks_is_left_alone(grace, day):
    day("normal")
    with grace.tab() as tab:
        grace.open(tab, OVERVIEW)
        asked = []
        tab.on("request", lambda request: asked.append(request.url))
        tab.clock.install()
        tab.reload()
        tab.locator("h1").wait_for()
        asked.clear()
        tab.evaluate("getSelection().selectAllChildren(document.querySelector('.sentences'))")
        tab.clock.run_for(20_000)
        assert asked == []


def test_an_unchanged_page_is_not_sent_again(grace):
    with grace.tab() as tab:
        grace.open(tab, "/tandem/schedules/")
        first = tab.context.request.get(tab.url)
        again = tab.context.request.get(tab.url, headers={"If-None-Match": first.headers["etag"]})
        assert (first.status, again.status, again.body()) == (200, 304, b"")


def test_a_server_that_does_not_answer_is_told(grace, day):
    day("normal")
    with grace.tab() as tab:
        grace.open(tab, OVERVIEW)
        tab.route("**/overview/", lambda route: route.fulfill(status=204, body=""))
        expect(tab.locator("#lost")).to_be_hidden()
        tab.unroute("**/overview/")
        tab.evaluate("htmx.trigger(document.body, 'htmx:afterRequest', { successful: false })")
        expect(tab.locator("#lost")).to_be_visible()
        ask_now(tab)
        expect(tab.locator("#lost")).to_be_hidden()


def test_who_is_logged_out_meanwhile_is_led_to_the_login(grace, day):
    day("normal")
    with grace.tab() as tab:
        grace.open(tab, OVERVIEW)
        tab.context.clear_cookies()
        ask_now(tab)
        expect(tab.get_by_role("heading", name="Lending office")).to_be_visible()


def test_without_scripts_all_is_there(grace, day):
    day("normal")
    with grace.tab(java_script_enabled=False) as tab:
        grace.open(tab, OVERVIEW)
        expect(tab.locator(".sentences")).to_contain_text("Async Server on work1 is overloaded")
        tab.get_by_text("The numbers of Load ÷ cores").click()
        expect(tab.locator("#numbers-load td").first).to_be_visible()


def test_charts_show_what_is_under_the_pointer_and_follow_the_colours(grace, day):
    day("normal")
    with grace.tab() as tab:
        grace.open(tab, OVERVIEW)
        chart = tab.locator("#plot-load")
        chart.scroll_into_view_if_needed()
        chart.hover(position={"x": 250, "y": 90})
        expect(chart.locator(".tip")).to_contain_text("Async Server on work1:")
        expect(tab.locator("#plot-requests .tip")).to_contain_text("Back Office on web1:")
        light = tab.evaluate("document.querySelector('#plot-load canvas').toDataURL()")
        tab.emulate_media(color_scheme="dark")
        tab.wait_for_function("light => document.querySelector('#plot-load canvas').toDataURL() !== light", arg=light)
        tab.set_viewport_size(NARROW)
        tab.wait_for_function("document.querySelector('#plot-load .uplot').clientWidth < 380")
        assert watching.fits(tab) == []


def test_by_keyboard_from_the_first_key_to_another_span(grace, day):
    day("normal")
    with grace.tab() as tab:
        grace.open(tab, OVERVIEW)
        tab.keyboard.press("Tab")
        expect(tab.get_by_role("link", name="Skip to the content")).to_be_focused()
        tab.keyboard.press("Enter")
        for _ in range(40):
            tab.keyboard.press("Tab")
            if tab.evaluate("document.activeElement.id") == "span-3h":
                break
        tab.keyboard.press("Enter")
        tab.wait_for_url("**/?span=3h")
        expect(tab.locator("#span-3h")).to_have_attribute("aria-current", "true")
        expect(tab.locator("#plot-load canvas")).to_be_visible()
