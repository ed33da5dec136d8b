"""django-tasks with its database backend: two `db_worker`s, each one job at a time, that look every 20 ms."""

import os
import sys

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.peers.systems.django_settings"
os.environ["TANDEM_PEERS_APPS"] = "django_tasks django_tasks_db"

import django
from django.apps import apps

if not apps.apps_ready:
    django.setup()

from django_tasks import task

from benchmarks.peers import jobs


@task()
def nothing():
    jobs.nothing()


@task()
def pause(seconds):
    jobs.pause(seconds)


@task()
def stamp(sent):
    jobs.stamp(sent)


def prepare():
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def enqueue(job, *arguments, urgent=False):
    globals()[job].using(priority=50 if urgent else 0).enqueue(*arguments)


def unfinished():
    from django_tasks_db.models import DBTaskResult

    return DBTaskResult.objects.exclude(status__in=("SUCCESSFUL", "FAILED")).count()


def workers():
    worker = ["-m", "django", "db_worker", "--interval", "0.02", "--no-startup-delay", "--verbosity", "0"]
    return [[sys.executable, *worker]] * 2
