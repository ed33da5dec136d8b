"""Who may: every page and every action, for everybody who may not. Kept whole by walking over all URLs."""

import pytest
from django.urls import URLPattern

from django_tandem.monitor import audit
from django_tandem.monitor.dashboard import access, urls
from tests.integration.monitor.dashboard.conftest import Person

OPEN = {"asset"}
# A value for each kind of part in an address.
VALUES = {"name": "x", "digest": "x", "number": "1", "job": "1", "run": "1", "server": "here:1", "kind": "queue"}


def addresses():
    """All that is below the dashboard's path: name and address."""
    for one in urls.pages:
        assert isinstance(one, URLPattern)
        route = str(one.pattern)
        for converter in ("slug:", "str:", "path:", "int:"):
            route = route.replace(f"<{converter}", "<")
        for part, value in VALUES.items():
            route = route.replace(f"<{part}>", value)
        assert "<" not in route, f"{route}: a value for it is missing here"
        if one.name not in OPEN:
            yield pytest.param(f"/tandem/{route}", id=one.name)


@pytest.mark.parametrize("address", list(addresses()))
class TestWhoMayNot:
    def test_nobody_gets_in(self, address, database, audited):
        for answer in (Person().get(address), Person().post(address)):
            assert answer.status_code in (403, 405)
        assert audited() == []

    def test_nor_does_somebody_who_is_not_staff(self, address, person):
        somebody = person("see", "operate", "release", staff=False)
        assert somebody.get(address).status_code in (403, 405)
        assert somebody.post(address).status_code in (403, 405)

    def test_nor_staff_without_permission(self, address, person):
        somebody = person()
        assert somebody.get(address).status_code in (403, 405)
        assert somebody.act(address).status_code in (403, 405)

    def test_who_may_see_may_not_act_and_that_is_written(self, address, person, audited):
        somebody = person("see")
        answer = somebody.act(address)
        assert answer.status_code in (403, 405)
        if answer.status_code == 403:
            ((who, _, outcome, text),) = audited()
            assert (who, outcome) == ("ada", "refused")
            assert "You may not" in text

    def test_who_may_act_is_not_tricked_into_it(self, address, ada, audited):
        assert ada.post(address).status_code in (403, 405)
        assert audited() == []


def test_who_is_not_logged_in_is_led_to_the_projects_login(database, settings):
    settings.LOGIN_URL = "enter"
    settings.ROOT_URLCONF = "tests.integration.monitor.dashboard.project_urls"
    answer = Person().get("/tandem/schedules/?a=b")
    assert (answer.status_code, answer["Location"]) == (302, "/enter/?next=/tandem/schedules/%3Fa%3Db")


def test_a_project_without_users_is_told_what_is_missing(database, settings):
    settings.MIDDLEWARE = ["django_tandem.monitor.dashboard.entrance.Entrance"]
    answer = Person().get("/tandem/schedules/")
    assert answer.status_code == 403
    assert b"AuthenticationMiddleware" in answer.content


def test_without_a_path_there_is_no_dashboard(ada, settings):
    settings.TANDEM_DASHBOARD = ""
    assert Person().get("/tandem/schedules/").status_code == 404


def test_an_action_leads_nowhere_else(ada):
    for elsewhere in ("https://evil.example/tandem/", "//evil.example/tandem/", "/other/", "javascript:alert(1)"):
        answer = ada.act("/tandem/schedules/pause/x", next=elsewhere)
        assert answer["Location"].startswith("/tandem/?said=")


def test_what_somebody_else_did_is_not_told(ada, person):
    answer = ada.act("/tandem/schedules/pause/x")
    other = person("see", name="bob")
    assert 'class="said' not in other.text(answer["Location"])
    for said in ("-1", "x", "9" * 30):
        assert 'class="said' not in ada.text("/tandem/schedules/", said=said)


def test_the_permissions_are_there_for_the_admin(database):
    from django.contrib.auth.models import Permission

    found = {f"tandem_monitor.{one.codename}" for one in Permission.objects.filter(content_type__model="audit")}
    assert set(access.WORDS) <= found


def test_what_was_asked_for_is_written_too(ada):
    ada.act("/tandem/schedules/pause/x", why="because")
    assert audit.newest(1)[0].detail == {"name": "x", "why": "because"}


def test_who_is_refused_does_not_fill_the_audit(person):
    fields = dict.fromkeys((f"field{n}" for n in range(500)), "z")
    person("see").act("/tandem/schedules/pause/x", why="y" * 100_000, **fields)
    detail = audit.newest(1)[0].detail
    assert len(detail["why"]) == 1000
    assert len(detail) <= 51
