"""Pages that the tests ask for."""

import os
import time

from django.http import HttpRequest, JsonResponse
from django.urls import path

from office import tasks


def hello(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"hello": "office", "pid": os.getpid()})


def slow(request: HttpRequest) -> JsonResponse:
    time.sleep(float(request.GET["seconds"]))
    return JsonResponse({"slept": request.GET["seconds"]})


def hold(request: HttpRequest) -> JsonResponse:
    """Answers when the file `gate` is there."""
    path, line, gate = (request.GET[name] for name in ("path", "line", "gate"))
    tasks.write_until.func(path, line, gate)
    return JsonResponse({"held": line})


def enqueue(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"id": tasks.write.enqueue(request.GET["path"], request.GET["line"]).id})


urlpatterns = [path("", hello), path("slow", slow), path("hold", hold), path("enqueue", enqueue)]
