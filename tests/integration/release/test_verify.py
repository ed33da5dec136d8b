"""Pages are asked for as people's proxies do, and what people would not be answered with takes a release back."""

import pytest

from django_tandem.errors import LegFailed
from django_tandem.release.asked import headers_of
from django_tandem.release.hosts.local import LocalHost
from django_tandem.release.leg import Expected, Leg
from django_tandem.release.verify import Watch, pages
from tests.integration.serve.servers import Server

WATCH = Watch(seconds=0, paths=["/"], p95_s=60)
SETTINGS = {"ALLOWED_HOSTS": [".office.example"], "SECURE_SSL_REDIRECT": True}


@pytest.fixture
def leg(office):
    """Makes a leg of a running Back Office of an old project, which is asked for with headers by such settings."""
    office.edit('ALLOWED_HOSTS = ["*"]', "\n".join(f"{name} = {value!r}" for name, value in SETTINGS.items()),
                "office/settings.py")  # fmt: skip
    office.append('\nMIDDLEWARE = ["django.middleware.security.SecurityMiddleware", '
                  '"django.middleware.common.CommonMiddleware"]\n', "office/settings.py")  # fmt: skip
    Server(office, "backoffice", office.port).ready()

    def leg(**settings):
        return Leg(
            role="backoffice", host=LocalHost("local", office.folder), release="r1",
            address=f"127.0.0.1:{office.port}", words=[], environment={}, folder="", drain_s=1,
            expect=lambda: Expected("", headers_of({**SETTINGS, **settings})),
        )  # fmt: skip

    return leg


def test_a_page_of_an_old_project_behind_https_is_answered(leg, office):
    assert office.get("/", Host="office.example")[0] == 301
    assert office.get("/", Host="office.example", X_Forwarded_Proto="https")[0] == 200
    assert pages([leg()], WATCH)["backoffice on local /"]["asked"] == 1
    assert pages([leg(SECURE_SSL_REDIRECT=False)], WATCH)  # 301 is an answer
    with pytest.raises(LegFailed, match=r"/ was answered with status 400 to Host elsewhere.example: see ALLOWED_HOSTS"):
        pages([leg(ALLOWED_HOSTS=["elsewhere.example"])], WATCH)
