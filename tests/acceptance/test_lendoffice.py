"""What a clerk does, in a real browser; the Async Server does the rest."""

import re

from playwright.sync_api import expect


def log_in(page, office):
    page.goto(f"http://127.0.0.1:{office.port}/")
    page.get_by_label("Name").fill("clerk")
    page.get_by_label("Password").fill("clerk-demo")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Today")).to_be_visible()


def test_a_payment_is_taken_and_the_async_server_posts_it(page, lendoffice):
    log_in(page, lendoffice)
    page.get_by_role("link", name="Loans", exact=True).click()
    page.get_by_label("Status").select_option("Active")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("table").get_by_role("link").first.click()
    owed = page.locator(".fact", has_text="still owed").inner_text()
    page.get_by_role("link", name="Take a payment").click()
    page.get_by_label("Amount").fill("321.05")
    page.get_by_label("Reference").fill("till 7")
    page.get_by_role("button", name="Take the payment").click()

    row = page.get_by_role("row").filter(has_text="till 7")
    expect(row).to_contain_text("posted")
    expect(row).not_to_contain_text("waiting")
    expect(page.get_by_role("row").filter(has_text="Cash").filter(has_text="321.05")).to_be_visible()
    assert page.locator(".fact", has_text="still owed").inner_text() != owed
    (state, role) = lendoffice.query(
        "SELECT result.state, server.role FROM tandem_result AS result JOIN tandem_server AS server"
        " ON server.id = result.server WHERE task = 'payments.tasks.post_payment'"
    )[0]
    assert (state, role) == (3, "async")


def test_an_application_becomes_a_loan_and_its_contract_is_written(page, lendoffice):
    log_in(page, lendoffice)
    page.get_by_role("link", name="Applications", exact=True).click()
    page.get_by_role("table").get_by_role("link").first.click()
    page.get_by_label("Remark").fill("steady income")
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_role("status")).to_contain_text("was granted")

    def contract_is_there():
        page.reload()
        return page.get_by_role("link", name=re.compile(r"Contract \(\d+ pages\)")).count()

    expect(page.get_by_role("heading", name=re.compile("Loan L"))).to_be_visible()
    for _ in range(50):
        if contract_is_there():
            break
        page.wait_for_timeout(100)
    expect(page.get_by_role("link", name=re.compile(r"Contract \(\d+ pages\)"))).to_be_visible()


def test_who_has_not_logged_in_sees_nothing(page, lendoffice):
    page.goto(f"http://127.0.0.1:{lendoffice.port}/report/")
    expect(page.get_by_role("heading", name="Lending office")).to_be_visible()
    page.get_by_label("Name").fill("clerk")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_have_text("This name and password do not belong together.")


def test_a_phone_shows_the_loans_without_scrolling_the_page_sideways(page, lendoffice):
    page.set_viewport_size({"width": 380, "height": 800})
    log_in(page, lendoffice)
    for path in ("/", "/loans/", "/report/", "/operations/"):
        page.goto(f"http://127.0.0.1:{lendoffice.port}{path}")
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path
