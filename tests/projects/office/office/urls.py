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


def enqueue(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"id": tasks.write.enqueue(request.GET["path"], request.GET["line"]).id})


urlpatterns = [path("", hello), path("slow", slow), path("enqueue", enqueue)]
