"""What the tasks leave behind: letters, contracts, scores, what the bureau said."""

import threading
from http.server import ThreadingHTTPServer

from django.core import mail
from django.test import TestCase, override_settings

from bureau import client, stub
from bureau.models import Report
from bureau.tasks import ask_bureau
from contracts.models import Contract
from contracts.tasks import make_contract
from notices.models import Notice
from notices.tasks import send_reminder, send_welcome
from scoring import card
from scoring.tasks import score_borrower
from tests import rows


class LetterTests(TestCase):
    def test_a_letter_is_sent_once(self):
        loan = rows.loan()
        self.assertTrue(send_welcome.func(loan.pk))
        self.assertFalse(send_welcome.func(loan.pk))
        self.assertEqual([message.subject for message in mail.outbox], ["Your loan L1"])
        self.assertEqual(Notice.objects.count(), 1)

    def test_who_owes_nothing_yet_is_not_reminded(self):
        from django.utils import timezone

        self.assertFalse(send_reminder.func(rows.loan(on=timezone.localdate()).pk))
        self.assertEqual(mail.outbox, [])

    def test_a_reminder_names_what_is_overdue(self):
        self.assertTrue(send_reminder.func(rows.loan(months=1, principal="100.00").pk))
        self.assertIn("an amount of 101.00 is overdue", mail.outbox[0].body)


class ContractTests(TestCase):
    def test_it_is_a_pdf_with_the_whole_schedule_and_is_replaced_by_the_same(self):
        loan = rows.loan(months=48)
        pages = make_contract.func(loan.pk)
        make_contract.func(loan.pk)
        contract = Contract.objects.get(loan=loan)
        self.assertGreaterEqual(pages, 2)
        self.assertTrue(bytes(contract.pdf).startswith(b"%PDF-"))


class ScoreTests(TestCase):
    def test_it_is_kept_and_the_same_each_time(self):
        loan = rows.loan()
        first = score_borrower.func(loan.borrower_id)
        self.assertEqual(score_borrower.func(loan.borrower_id), first)
        loan.borrower.refresh_from_db()
        self.assertEqual(loan.borrower.score, first)
        self.assertTrue(card.LOWEST <= first <= card.HIGHEST)

    def test_who_pays_late_scores_less(self):
        good = card.History(0.0, 0.0, 0.2, 5, 40, 1, 600)
        late = card.History(0.5, 60.0, 0.2, 5, 40, 1, 600)
        self.assertGreater(card.score(good), card.score(late))


class BureauTests(TestCase):
    def setUp(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), stub.Bureau)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def test_what_it_says_is_kept(self):
        person = rows.borrower()
        with override_settings(BUREAU_URL=f"http://127.0.0.1:{self.server.server_port}"):
            points = ask_bureau.func(person.pk)
        self.assertEqual(Report.objects.get(borrower=person).points, points)
        self.assertTrue(400 <= points < 800)

    def test_a_bureau_that_is_not_there_is_told(self):
        with override_settings(BUREAU_URL="http://127.0.0.1:1"), self.assertRaises(client.BureauUnavailable):
            client.ask("Ada", "1985-12-10")
