"""Pages that do nothing, for the overhead of being watched."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

VIEWS = 60


def page(_: HttpRequest) -> HttpResponse:
    return HttpResponse("nothing")


urlpatterns = [path(f"view-{number}", page, name=f"view-{number}") for number in range(VIEWS)]
