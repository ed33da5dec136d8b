"""The middleware notes each request as it was, and is not there where nobody wants to know."""

import pytest
from django.core.exceptions import MiddlewareNotUsed
from django.http import Http404, HttpResponse
from django.test import Client, override_settings
from django.urls import include, path

from django_tandem.monitor import requests


def hello(request, name="you"):
    return HttpResponse(f"hello {name}")


def missing(request):
    raise Http404


def broken(request):
    raise RuntimeError("broken")


urlpatterns = [
    path("hello", hello, name="hello"),
    path("bare", hello),
    path("missing", missing, name="missing"),
    path("broken", broken, name="broken"),
    path("shop/", include(([path("<str:name>", hello, name="item")], "shop"))),
]


@pytest.fixture
def noted():
    found = []
    requests.install(found.append)
    with override_settings(
        MIDDLEWARE=[
            "django_tandem.monitor.requests.NoteRequests",
            "django_tandem.monitor.dashboard.entrance.Entrance",
        ],
        ROOT_URLCONF=__name__,
        SECURE_SSL_REDIRECT=False,
    ):
        yield found
    requests.install(None)


def test_each_request_is_noted_with_its_view_and_how_it_ended(noted):
    client = Client(raise_request_exception=False)
    for address in ("/hello", "/bare", "/missing", "/broken", "/shop/tea", "/nowhere", "/tandem/assets/x/app.css"):
        client.get(address)
    assert [(view, status) for view, status, *_ in noted] == [
        ("hello", 200),
        (f"{__name__}.hello", 200),
        ("missing", 404),
        ("broken", 500),
        ("shop:item", 200),
        (None, 404),
        ("tandem:asset", 200),
    ]
    assert all(0 < seconds < 10 for _, _, seconds, _, _ in noted)


def test_the_proxys_header_is_kept_with_the_time_at_which_it_was_read(noted):
    Client().get("/hello", HTTP_X_REQUEST_START="t=" + "1" * 5000)
    Client().get("/hello")
    (_, _, _, header, read_at), (_, _, _, none, _) = noted
    assert (header, none) == ("t=" + "1" * 38, None)
    assert read_at > 1_700_000_000


def test_where_nobody_wants_to_know_it_is_not_used():
    with pytest.raises(MiddlewareNotUsed):
        requests.NoteRequests(hello)
