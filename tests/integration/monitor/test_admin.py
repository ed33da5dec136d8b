"""Django's admin shows all tables to who may see them, lets nobody change one, and reads no more than it shows."""

import re

import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.db import connection, models
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from django_tandem.queue import at_rest, read_only
from django_tandem.queue.models import Fence, Job, Result
from django_tandem.queue.options import BACKEND

MODELS = [
    model for label in ("queue", "pipeline", "monitor") for model in apps.get_app_config(f"tandem_{label}").get_models()
]
COMMIT = "4f" * 20
SECRET = "secret-4711"
# Where a column takes not just anything.
VALUES = {
    "arguments": f'[["{SECRET}"],{{}}]', "return_value": f'"{SECRET}"', "commit": COMMIT, "kind": "ship",
    "policy": "queue", "outcome": "done", "what": "began", "began": None, "run": 1, "digest": "d" * 64, "state": "live",
    "decision": None, "decided_at": None, "superseded_by": None, "resolution": 5, "trace": None,
    "history": f'[{{"worker": "1-2", "began": "b", "ended": "e", "error": {{"class": "k.E", "text": "{SECRET}"}}}}]',
}  # fmt: skip


@pytest.fixture
def site(db, settings):
    """A project that has the admin."""
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "django.contrib.messages", "django.contrib.admin"]
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.messages.middleware.MessageMiddleware"]
    settings.ROOT_URLCONF = "tests.integration.monitor.admin_urls"
    told = ("django.contrib.auth.context_processors.auth", "django.contrib.messages.context_processors.messages")
    options = {"context_processors": ["django.template.context_processors.request", *told]}
    engine = "django.template.backends.django.DjangoTemplates"
    settings.TEMPLATES = [{"BACKEND": engine, "APP_DIRS": True, "OPTIONS": options}]
    from django.contrib import admin

    return admin.site


def make(model, **given):
    """A row, with something in all of its columns."""
    if model is Fence:
        return Fence.objects.get()
    kinds = {models.DateTimeField: timezone.now(), models.JSONField: {"a": 1}, models.TextField: "word"}
    values = {}
    for field in model._meta.fields:
        default = next((value for kind, value in kinds.items() if isinstance(field, kind)), 1)
        values[field.name] = VALUES.get(field.name, default)
    if issubclass(model, (Job, Result)):
        values["state"] = 1 if model is Job else 4
    return model.objects.create(**{**values, **given})


@pytest.fixture
def rows(site):
    """A row of each table, those first to which others refer."""
    first = [model for model in MODELS if model._meta.model_name in ("release", "run")]
    return {model: make(model) for model in (*first, *(one for one in MODELS if one not in first))}


def client(*permissions, name="ada", staff=True):
    user = User.objects.create_user(name, is_staff=staff)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    one = Client()
    one.force_login(user)
    return one


def address(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def permission(model, what="view"):
    return f"{what}_{model._meta.model_name}"


def test_every_table_with_a_model_is_there(site):
    assert {model for model in site._registry if model._meta.app_label.startswith("tandem")} == set(MODELS)


def test_who_may_see_a_table_sees_it_and_changes_nothing(rows):
    ada = client(*(permission(model, what) for model in MODELS for what in ("add", "change", "delete", "view")))
    for model, one in rows.items():
        listed, change = address(model, "changelist"), address(model, "change", one.pk)
        answer = ada.get(listed)
        assert (answer.status_code, change in answer.content.decode()) == (200, True), model
        answer = ada.get(change)
        assert answer.status_code == 200, model
        text = answer.content.decode()
        assert not re.search(r'name="_save"|deletelink|<select|<textarea', text), model
        for page in (address(model, "add"), address(model, "delete", one.pk)):
            assert (ada.get(page).status_code, ada.post(page, {"post": "yes"}).status_code) == (403, 403), page
        assert ada.post(change, {}).status_code == 403
        ada.post(listed, {"action": "delete_selected", "_selected_action": [one.pk], "post": "yes"})
        assert model.objects.filter(pk=one.pk).exists()


def test_nobody_else_sees_one(rows):
    without, not_staff = client(name="bob"), client(*map(permission, MODELS), name="eve", staff=False)
    for model, one in rows.items():
        for page in (address(model, "changelist"), address(model, "change", one.pk)):
            assert without.get(page).status_code == 403, page
            for somebody in (Client(), not_staff):
                answer = somebody.get(page)
                assert (answer.status_code, answer["Location"].startswith("/admin/login/")) == (302, True), page


def test_no_list_counts_a_table_and_every_filter_looks_at_the_newest(site, rows):
    ada = client(*map(permission, MODELS))
    for model in MODELS:
        admin = site._registry[model]
        asked = [{"q": "word"}] if admin.search else []
        for one in admin.list_filter:
            chosen = one(RequestFactory().get("/"), {}, model, admin)
            asked += [{chosen.parameter_name: str(value)} for value, _ in chosen.lookup_choices[:1]]
        for query in [{}, *asked]:
            with CaptureQueriesContext(connection) as seen:
                assert ada.get(address(model, "changelist"), query).status_code == 200
            ours = [one["sql"] for one in seen if f'FROM "{model._meta.db_table}"' in one["sql"]]
            assert ours, model
            for sql in ours:
                assert "COUNT(" not in sql
                if query and "MAX(" not in sql and read_only._is_numbered(model):
                    assert f'"{model._meta.pk.column}" >' in sql, sql


def test_a_number_finds_its_row_and_a_word_the_newest(site):
    first, last = make(Result, id=1, task="a.task"), make(Result, id=read_only.NEWEST + 1, task="a.task")
    ada = client("view_result")

    def found(**query):
        text = ada.get(address(Result, "changelist"), query).content.decode()
        return [one.pk for one in (first, last) if address(Result, "change", one.pk) in text]

    assert found() == [1, last.pk]
    assert found(q="1") == [1]
    assert found(q="a.task") == [last.pk]
    assert found(q="a.ta") == found(q="9" * 30) == []
    assert found(state="4") == [last.pk]
    assert found(state="3") == []


def test_a_list_ends_where_nobody_looks_any_more(site, monkeypatch):
    monkeypatch.setattr(read_only, "MOST_LISTED", 3)
    for number in range(1, 6):
        make(Result, id=number)
    text = client("view_result").get(address(Result, "changelist")).content.decode()
    assert "3 results" in " ".join(text.split())


def test_what_is_encrypted_is_masked(site, settings):
    settings.TASKS = {"default": {"BACKEND": BACKEND, "OPTIONS": {"encrypt_keys": [Fernet.generate_key().decode()]}}}
    sealed = {name: at_rest.sealed(VALUES[name]) for name in ("arguments", "return_value")}
    one = make(Result, id=1, **sealed)
    plain = make(Result, id=2)
    ada = client("view_result")
    for page in (address(Result, "change", one.pk), address(Result, "change", plain.pk)):
        text = ada.get(page).content.decode()
        assert SECRET not in text
        assert text.count(at_rest.MASKED) == 3
    settings.TASKS = {"default": {"BACKEND": BACKEND}}
    text = ada.get(address(Result, "change", one.pk)).content.decode()
    assert text.count(at_rest.UNREADABLE) == 2


def test_what_is_not_encrypted_is_shown_and_cannot_write_into_the_page(site):
    one = make(Job, arguments='[["<script>x</script>"],{}]')
    text = client("view_job").get(address(Job, "change", one.pk)).content.decode()
    assert "<script>x" not in text
    assert "&lt;script&gt;x" in text
    assert SECRET in text  # of the error


def test_the_queues_own_database_is_read(site, settings):
    settings.TASKS = {"default": {"BACKEND": BACKEND, "OPTIONS": {"database": "elsewhere"}}}
    request = RequestFactory().get("/")
    request.user = User()
    for model in MODELS:
        assert site._registry[model].get_queryset(request).db == "elsewhere"
