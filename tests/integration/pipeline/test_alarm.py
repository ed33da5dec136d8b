"""A watch that comes across a server that should not run tells of it, once."""

import pytest

from tests.integration.pipeline.shop import LONG_S
from tests.office import free_port
from tests.waiting import until
from tests.webhook import Webhook

pytestmark = pytest.mark.long


def test_an_orphan_is_told_once_however_many_watches_see_it(office):
    with Webhook(204) as webhook:
        office.append(f'\n[notices.chat]\nwebhook = "{webhook.url}"\n')
        office.edit("[pipeline]\n", '[pipeline]\nref = "nowhere"\n')
        office.start("serve", "async", TANDEM_RELEASE="r1").says("active", LONG_S)
        text = (office.folder / "tandem.toml").read_text()
        other = office.folder / "other.toml"
        other.write_text(text.replace(f":{office.health_port}", f":{free_port()}"))
        office.start("serve", "async", "--config", str(other), TANDEM_RELEASE="r0").says("standby", LONG_S)
        until(lambda: office.query("SELECT 1 FROM tandem_server WHERE state = 'standby'"), LONG_S)
        watches = [office.start("pipeline", "watch", TANDEM_RELEASE="r1") for _ in range(2)]
        for watch in watches:
            watch.says(
                r"orphan: async of r0 \(.*\): r1 is live, and no open run is about r0; tandem servers stop", LONG_S
            )
        until(lambda: webhook.got, LONG_S)
        assert [watch.stop(LONG_S) for watch in watches] == [0, 0]
        until(lambda: office.query("SELECT count(*) FROM tandem_job") == [(0,)], LONG_S)
    ((_, _, told),) = webhook.got
    assert (told["event"], told["server"]["release"], told["server"]["verdict"]) == ("orphan", "r0", "orphan")
    assert told["text"].startswith("office: orphan: async of r0 (")
