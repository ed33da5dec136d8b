"""What is wrong stands on every page."""

from django_tandem.monitor import alarms
from django_tandem.monitor.alarm_rules import KINDS, TIMEOUTS, Finding

WRONG = Finding(TIMEOUTS, "backoffice on h1", "3 requests <b>ended</b> with 504", "look at the slowest view")


def test_a_page_shows_what_is_wrong_with_what_to_do_and_nothing_of_what_is_over(ada, database):
    assert "banner bad" not in ada.text("/tandem/schedules/")
    with database.transaction():
        alarms.keep(database, [WRONG], list(KINDS))
    text = ada.text("/tandem/schedules/")
    assert "3 requests &lt;b&gt;ended&lt;/b&gt; with 504" in text
    assert "look at the slowest view" in text
    database.execute("UPDATE tandem_alarm SET ended_at = clock_timestamp()")
    assert WRONG.todo not in ada.text("/tandem/schedules/")
