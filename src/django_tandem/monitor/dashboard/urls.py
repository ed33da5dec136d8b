"""What is below the dashboard's path. Actions have POST addresses of their own, beside their page."""

from __future__ import annotations

from django.conf import settings
from django.urls import include, path

from django_tandem.monitor.dashboard import assets, bulk, failed, job, queues, running, schedules, tasks
from django_tandem.monitor.dashboard.home import home

pages = [
    path("", home, name="home"),
    path("assets/<slug:digest>/<str:name>", assets.asset, name="asset"),
    path("queues/", queues.queues, name="queues"),
    path("queues/pause/<path:name>", queues.pause, name="queue-pause"),
    path("queues/resume/<path:name>", queues.resume, name="queue-resume"),
    path("queues/drain/<path:name>", queues.drain, name="queue-drain"),
    path("tasks/", tasks.tasks, name="tasks"),
    path("tasks/running/", running.running, name="tasks-running"),
    path("tasks/failed/", failed.failed, name="tasks-failed"),
    path("tasks/retry/", bulk.ask_retry, name="tasks-ask-retry"),
    path("tasks/retry/all", bulk.retry, name="tasks-retry"),
    path("tasks/cancel/", bulk.ask_cancel, name="tasks-ask-cancel"),
    path("tasks/cancel/all", bulk.cancel, name="tasks-cancel"),
    path("tasks/pause/<path:name>", job.pause, name="task-pause"),
    path("tasks/resume/<path:name>", job.resume, name="task-resume"),
    path("tasks/<int:job>/", job.job, name="job"),
    path("tasks/<int:job>/retry", job.retry, name="job-retry"),
    path("tasks/<int:job>/cancel", job.cancel, name="job-cancel"),
    path("schedules/", schedules.schedules, name="schedules"),
    path("schedules/run/<path:name>", schedules.run, name="schedule-run"),
    path("schedules/pause/<path:name>", schedules.pause, name="schedule-pause"),
    path("schedules/resume/<path:name>", schedules.resume, name="schedule-resume"),
]

urlpatterns = [path(settings.TANDEM_DASHBOARD.lstrip("/"), include((pages, "tandem")))]
