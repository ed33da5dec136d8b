"""What every page has: its policy, an ETag that holds while nothing changes, and assets that may be kept for ever."""

import re

PAGE = "/tandem/schedules/"


def test_the_same_page_is_sent_once(ada, database):
    first = ada.get(PAGE)
    again = ada.get(PAGE, headers={"If-None-Match": first["ETag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    database.execute("INSERT INTO tandem_schedule VALUES ('one', 't', '* * * * *', 'UTC', 'skip', now(), NULL)")
    assert ada.get(PAGE, headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_nothing_written_into_a_page_runs(ada):
    answer = ada.get(PAGE)
    policy = answer["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    text = answer.content.decode()
    assert not re.search(r"<script(?![^>]* src=)(?![^>]*application/json)", text)
    assert not re.search(r"\son\w+=", text)
    assert "private" in answer["Cache-Control"]


def test_assets_are_there_and_may_be_kept(ada):
    text = ada.text(PAGE)
    found = re.findall(r'(?:src|href)="(/tandem/assets/[^"]+)"', text)
    assert len(found) >= 5
    for address in found:
        answer = ada.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer["Cache-Control"]
        assert answer["Content-Type"].startswith(("text/javascript", "text/css", "image/svg+xml"))
    assert ada.get("/tandem/assets/x/nothing.js").status_code == 404
    assert ada.get("/tandem/assets/x/..%2Fpage.py").status_code == 404


def test_what_is_vendored_has_its_licence():
    from django_tandem.monitor.dashboard.assets import FOLDER

    for library in ("htmx", "uplot"):
        assert (FOLDER / f"{library}.LICENSE").read_text().strip()


def test_the_page_that_one_is_on_is_marked(ada):
    assert re.search(r'<a href="/tandem/schedules/" aria-current="page">Schedules', ada.text(PAGE))


def test_home_leads_to_a_page(ada):
    answer = ada.get("/tandem/?said=3")
    assert answer.status_code == 302
    assert answer["Location"].endswith("/?said=3")
