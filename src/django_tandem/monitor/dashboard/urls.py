"""What is below the dashboard's path. Actions have POST addresses of their own, beside their page."""

from __future__ import annotations

from django.conf import settings
from django.urls import include, path

from django_tandem.monitor.dashboard import assets, schedules
from django_tandem.monitor.dashboard.home import home

pages = [
    path("", home, name="home"),
    path("assets/<slug:digest>/<str:name>", assets.asset, name="asset"),
    path("schedules/", schedules.schedules, name="schedules"),
    path("schedules/run/<path:name>", schedules.run, name="schedule-run"),
    path("schedules/pause/<path:name>", schedules.pause, name="schedule-pause"),
    path("schedules/resume/<path:name>", schedules.resume, name="schedule-resume"),
]

urlpatterns = [path(settings.TANDEM_DASHBOARD.lstrip("/"), include((pages, "tandem")))]
