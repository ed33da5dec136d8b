"""URLs of a project that has a login of its own."""

from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("enter/", lambda _: HttpResponse("who are you?"), name="enter")]
