"""Every mistake in tandem.toml is told in its own words: the key's path, what it is, what would be right."""

from typing import get_args

import pytest

from django_tandem.config.schema import Event

A_URL = "expected a URL: https://HOST/PATH"
AN_EVENT = ", ".join(f'"{event}"' for event in get_args(Event)[:-1]) + ' or "alarm over"'
A_REMOTE = "expected the name that git has for a remote, such as origin"
SHORT_NAME = "expected a short name: lower case letters, digits, - and _"
MISTAKES = {
    "[roles.async]\nthreads = 0": ["roles.async.threads: 0, expected at least 1"],
    "[roles.async]\nprocesses = 1025": ["roles.async.processes: 1025, expected at most 1024"],
    "[roles.async]\ncoroutines = -1": ["roles.async.coroutines: -1, expected at least 0"],
    "[roles.async]\nthreads = 2.0": ["roles.async.threads: 2.0, expected a whole number"],
    "[roles.async]\nthreads = true": ["roles.async.threads: true, expected a whole number"],
    "[roles.async]\ndrain = 0": ["roles.async.drain: 0, expected more than 0"],
    "[roles.backoffice]\ntimeout = 1.9": ["roles.backoffice.timeout: 1.9, expected at least 2"],
    "[roles.async]\ndrain = '30'": ["roles.async.drain: '30', expected a number"],
    "[roles.async]\ndrain = true": ["roles.async.drain: true, expected a number"],
    "[roles.async]\ndrain = 1e9": ["roles.async.drain: 1000000000.0, expected at most 86400"],
    "[roles.async]\nlog_tag = 4": ["roles.async.log_tag: 4, expected a string"],
    "[roles.async]\nhealth = '8001'": ["roles.async.health: '8001', expected HOST:PORT or unix:/path"],
    "[roles.backoffice]\nbind = 'unix:run'": ["roles.backoffice.bind: 'unix:run', expected HOST:PORT or unix:/path"],
    "[roles.async]\nqueues = 'default'": ["roles.async.queues: 'default', expected a list"],
    "[roles.async]\nqueues = ['My queue']": [f"roles.async.queues.0: 'My queue', {SHORT_NAME}"],
    "[roles.async]\nqueues = ['mail']": ["roles.async.queues: 'mail' is not declared, expected default"],
    "[roles.async]\nthread = 3": ["roles.async.thread: unknown key, expected threads"],
    "[roles.async]\nbind = '127.0.0.1:80'": [
        "roles.async.bind: unknown key, which roles of kind backoffice have; this one is of kind async"
    ],
    "[roles.async]\n[queues.x]\nzebra = 1": ["queues.x.zebra: unknown key, expected one of patience, promise, strict"],
    "[roles.async]\nreserve = 2": ["roles.async.reserve: 2, expected a table"],
    "[roles.async]\nreserve = { slots = 1 }": [
        "roles.async.reserve.priority: missing, expected the least priority that they begin"
    ],
    "[roles.async]\nreserve = { priority = 50 }": ["roles.async.reserve.slots: missing, expected how many threads"],
    "[roles.async]\nreserve = { slots = 1, prioriti = 5, priority = 0 }": [
        "roles.async.reserve.priority: 0, expected at least 1",
        "roles.async.reserve.prioriti: unknown key, expected priority",
    ],
    "[roles.async]\npressure = false": ["roles.async.pressure: false, expected a table"],
    "[roles.async]\npressure = { page_p95 = -0.5, waiting = 10001 }": [
        "roles.async.pressure.page_p95: -0.5, expected at least 0",
        "roles.async.pressure.waiting: 10001, expected at most 10000",
    ],
    "[roles.async]\npressure = { wating = 5 }": ["roles.async.pressure.wating: unknown key, expected waiting"],
    "[roles.async]\nthreads = 2\nprocesses = 3\nreserve = { slots = 6, priority = 5 }": [
        "roles.async.reserve.slots: 6, expected at most 5 (of 6 threads in 3 processes one is left for other tasks)"
    ],
    "[roles.reports]": [
        'roles.reports.kind: missing, expected "backoffice" or "async" (only roles of these names need not say it)'
    ],
    "[roles.reports]\nkind = 'worker'": ['roles.reports.kind: \'worker\', expected "backoffice" or "async"'],
    "[roles.Reports]\nkind = 'async'": [f"roles.Reports: 'Reports', {SHORT_NAME}"],
    "[roles]\nasync = 3": ["roles.async: 3, expected a table"],
    "[roles]": ["roles: empty, expected tables [roles.backoffice] and [roles.async]"],
    "": ["roles: missing, expected tables [roles.backoffice] and [roles.async]"],
    "[rolse.async]": [
        "roles: missing, expected tables [roles.backoffice] and [roles.async]",
        "rolse: unknown key, expected roles",
    ],
    "[roles.async]\n[queues.x]\npatiance = 3": ["queues.x.patiance: unknown key, expected patience"],
    "[roles.async]\n[queues.x]\nstrict = 1": ["queues.x.strict: 1, expected true or false"],
    "[roles.async]\n[queues.Mail]": [f"queues.Mail: 'Mail', {SHORT_NAME}"],
    "[roles.async]\n[queues]\ndefault = 3": ["queues.default: 3, expected a table"],
    "[roles.async]\n[overlay]\nalow = []": ["overlay.alow: unknown key, expected allow"],
    "[roles.async]\n[overlay]\nallow = 'X'": ["overlay.allow: 'X', expected a list"],
    "[roles.async]\n[overlay]\nallow = [3]": ["overlay.allow.0: 3, expected a string"],
    "[roles.async]\n[database]\nallias = 'x'": ["database.allias: unknown key, expected alias"],
    "[roles.async]\n[monitor]\nnginx_log = 'access.log'": [
        "monitor.nginx_log: 'access.log', expected the whole path of a file, such as /var/log/nginx/access.log"
    ],
    "[roles.async]\n[pipeline]\nremote = 'https://ada:sesame@h/office.git'": [
        f"pipeline.remote: 'https://ada:********@h/office.git', {A_REMOTE}"
    ],
    "[roles.async]\n[notices.chat]": ["notices.chat: has no webhook and no command, expected one of them"],
    "[roles.async]\n[notices.chat]\ncommand = ['a']\nwebhook = 'https://h/sesame'": [
        "notices.chat: has a webhook and a command, expected one of them"
    ],
    "[roles.async]\n[notices.chat]\ncommand = []": ["notices.chat.command: [], expected at least one"],
    "[roles.async]\n[notices.chat]\ncommand = ['a']\nevents = []": [
        f"notices.chat.events: empty, expected at least one of {', '.join(get_args(Event))}"
    ],
    "[roles.async]\n[notices.x]\ncommand = ['a']\ntimeout = 301": ["notices.x.timeout: 301, expected at most 300"],
    "[roles.async]\n[notices.chat]\ncommand = ['a']\nevents = ['lives']": [
        f"notices.chat.events.0: 'lives', expected {AN_EVENT}"
    ],
    "[roles.async]\n[notices.x]\nwebhok = 'https://h/sesame'": ["notices.x.webhok: unknown key, expected webhook"],
    **{
        f"[roles.async]\n[notices.chat]\nwebhook = {url}": [f"notices.chat.webhook: {A_URL}"]
        for url in ("'h/sesame'", "'ftp://h/sesame'", "'https://ada:sesame@h/'", "'https://h/ses ame'", "''")
    },
    "[roles.async]\n[notices.chat]\nwebhook = 7": [f'notices.chat.webhook: {A_URL}, or {{ from_env = "VARIABLE" }}'],
    "[roles.async]\n[notices.chat]\nwebhook = { from_env = 'CHAT' }": [
        "notices.chat.webhook: the environment variable CHAT is not set"
    ],
    "[roles.async.environment]\nPGUSER = 3": [
        'roles.async.environment.PGUSER: expected a string, or { from_env = "VARIABLE" }'
    ],
    "[roles.async.environment]\nPGUSER = { from_evn = 'X' }": [
        'roles.async.environment.PGUSER: expected a string, or { from_env = "VARIABLE" }'
    ],
    "[roles.async.environment]\nPGUSER = { from_env = 'NOT-A-NAME' }": [
        'roles.async.environment.PGUSER: expected a string, or { from_env = "VARIABLE" }'
    ],
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_told_with_its_path_and_what_would_be_right(told, text):
    assert told(text) == [f"tandem.toml: {line}" for line in MISTAKES[text]]


def test_mistakes_in_app_name_an_example(told):
    assert told("[roles.async]", app="") == ["tandem.toml: app: missing, expected a table [app] with name and settings"]
    assert told("[roles.async]", app="[app]\n") == [
        'tandem.toml: app.name: missing, expected the name of the application, such as "office"',
        'tandem.toml: app.settings: missing, expected the project\'s own settings module, such as "office.settings"',
    ]
    wrong = '[app]\nname = "The office"\nsettings = "office/settings.py"\nwsgi = "office.wsgi:application"\n'
    assert told("[roles.async]", app=wrong) == [
        f"tandem.toml: app.name: 'The office', {SHORT_NAME}",
        "tandem.toml: app.settings: 'office/settings.py', expected a dotted path such as office.settings",
        "tandem.toml: app.wsgi: 'office.wsgi:application', expected a dotted path such as office.wsgi.application",
    ]


def test_all_mistakes_are_told_at_once(told):
    text = "[roles.async]\nthreads = 0\nqueue = []\n[roles.backoffice]\ntimeout = -1\n[queues.x]\nstrict = 'no'"
    assert told(text) == [
        "tandem.toml: queues.x.strict: 'no', expected true or false",
        "tandem.toml: roles.async.threads: 0, expected at least 1",
        "tandem.toml: roles.async.queue: unknown key, expected queues",
        "tandem.toml: roles.backoffice.timeout: -1, expected at least 2",
    ]


def test_what_may_be_a_secret_is_not_repeated(told):
    lines = [
        *told("[roles.async]\nsettings = 'sesame'\nenvironment = 'sesame'"),
        *told("[roles.async.environment]\nPGPASSWORD = { value = 'sesame' }"),
        *told("[roles.async]\npassword = 'sesame'"),
        *told("[roles.async]\n[database]\nalias = 'postgresql://office:sesame@db/office'"),
        *told("[roles.async.settings]\nSECRET_KEY = 'sesame'"),
        *told("[roles.async.environment]\nSECRET = 'sesame'"),
    ]
    assert len(lines) == 7
    assert not [line for line in lines if "sesame" in line]


def test_a_long_value_is_named_by_its_type(told):
    (line,) = told(f"[roles.async]\nhealth = '{'x' * 200}'")
    assert line == "tandem.toml: roles.async.health: str, expected HOST:PORT or unix:/path"


def test_a_webhook_that_is_wrong_in_a_variable_is_not_shown(told):
    text = "[roles.async]\n[notices.chat]\nwebhook = { from_env = 'CHAT' }"
    assert told(text, CHAT="sesame") == [
        f"tandem.toml: notices.chat.webhook: the environment variable CHAT is no such URL, {A_URL}"
    ]
