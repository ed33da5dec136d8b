"""What is below the dashboard's path. Actions have POST addresses of their own, beside their page."""

from __future__ import annotations

from django.conf import settings
from django.urls import include, path

from django_tandem.monitor.dashboard import (
    assets,
    bulk,
    configuration,
    failed,
    job,
    overview,
    queues,
    releases,
    run,
    running,
    schedules,
    servers,
    tasks,
)
from django_tandem.monitor.dashboard.home import home

pages = [
    path("", home, name="home"),
    path("assets/<slug:digest>/<str:name>", assets.asset, name="asset"),
    path("overview/", overview.overview, name="overview"),
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
    path("releases/", releases.releases, name="releases"),
    path("releases/rollback/<str:digest>", releases.rollback, name="rollback"),
    path("releases/runs/<int:run>/", run.run, name="run"),
    path("releases/runs/<int:run>/approve", run.approve, name="run-approve"),
    path("releases/runs/<int:run>/reject", run.reject, name="run-reject"),
    path("releases/runs/<int:run>/cancel", run.cancel, name="run-cancel"),
    path("releases/runs/<int:run>/resume", run.resume, name="run-resume"),
    path("servers/", servers.servers, name="servers"),
    path("servers/prove", servers.prove, name="servers-prove"),
    path("servers/stop/<str:server>", servers.stop, name="server-stop"),
    path("servers/drain/<str:server>", servers.drain, name="server-drain"),
    path("configuration/", configuration.configuration, name="configuration"),
]

urlpatterns = [path(settings.TANDEM_DASHBOARD.lstrip("/"), include((pages, "tandem")))]
