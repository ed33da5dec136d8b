"""Pages of a release are asked for as a proxy before it would."""

import pytest

from django_tandem.release.asked import headers_of


@pytest.mark.parametrize(
    ("allowed", "host"),
    [
        (["office.example", "localhost"], "office.example"),
        ([".office.example"], "office.example"),
        (["*"], "localhost"),
        (["*", "office.example"], "office.example"),
        ([], "localhost"),
        (None, "localhost"),
        (["[::1]"], "[::1]"),
    ],
)
def test_the_host_is_one_that_is_allowed(allowed, host):
    assert headers_of({"ALLOWED_HOSTS": allowed}) == {"Host": host}


def test_where_https_is_wanted_a_proxy_says_that_it_was():
    host = {"Host": "localhost"}
    assert headers_of({"SECURE_SSL_REDIRECT": True}) == {**host, "X-Forwarded-Proto": "https"}
    named = {"SECURE_PROXY_SSL_HEADER": ["HTTP_X_FORWARDED_PROTO", "https"]}
    assert headers_of(named) == {**host, "X-Forwarded-Proto": "https"}
    other = {"SECURE_PROXY_SSL_HEADER": ["HTTP_X_FORWARDED_SSL", "on"]}
    assert headers_of(other) == {**host, "X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "on"}
