"""django-q2 on PostgreSQL: a cluster of two workers; what is urgent has a cluster of its own beside it."""

import os
import sys

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.peers.systems.django_settings"
os.environ["TANDEM_PEERS_APPS"] = "django_q"

import django
from django.core.management import call_command

django.setup()

from django_q.models import OrmQ  # noqa: E402 - once Django is set up
from django_q.tasks import async_task  # noqa: E402


def prepare():
    call_command("migrate", verbosity=0)


def enqueue(job, *arguments, urgent=False):
    async_task(f"benchmarks.peers.jobs.{job}", *arguments, cluster="urgent" if urgent else None)


def unfinished():
    return OrmQ.objects.count()


def workers():
    cluster = [sys.executable, "-m", "django", "qcluster"]
    return (
        [cluster, ["env", "Q_CLUSTER_NAME=urgent", *cluster]]
        if os.environ["TANDEM_PEERS_FIGURE"] == "urgent_p99_ms"
        else [cluster]
    )
