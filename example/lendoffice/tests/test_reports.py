import csv
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO

from django.test import TestCase

from loans.models import Loan
from reports import ageing, tasks
from reports.export import COLUMNS, loans_as_csv
from reports.models import Export
from reports.portfolio import portfolio
from tests import rows


class AgeingTests(TestCase):
    def test_a_loan_is_as_late_as_its_oldest_unpaid_instalment(self):
        loan = rows.loan(on=date(2026, 1, 1))
        today = date(2026, 2, 1) + timedelta(days=40)
        self.assertEqual(ageing.age_loans([loan.pk], today), [loan.pk])
        loan.refresh_from_db()
        self.assertEqual(loan.days_overdue, 40)

    def test_who_was_late_already_is_not_newly_late(self):
        loan = rows.loan(on=date(2026, 1, 1))
        ageing.age_loans([loan.pk], date(2026, 4, 1))
        self.assertEqual(ageing.age_loans([loan.pk], date(2026, 4, 2)), [])

    def test_the_nightly_run_covers_all_active_loans(self):
        for number in range(3):
            rows.loan(f"L{number}")
        Loan.objects.filter(number="L0").update(status=Loan.Status.PAID)
        self.assertEqual(tasks.age_portfolio.func(), 1)


class PortfolioTests(TestCase):
    def test_all_that_a_late_borrower_owes_is_at_risk(self):
        rows.loan("L1", principal="1000.00")
        late = rows.loan("L2", principal="3000.00")
        Loan.objects.filter(pk=late.pk).update(days_overdue=75)
        found = portfolio()
        self.assertEqual(found.outstanding, Decimal(4000))
        self.assertEqual((found.par30, found.par60, found.par90), (Decimal("0.75"), Decimal("0.75"), 0))
        self.assertEqual([bucket.loans for bucket in found.buckets], [1, 0, 0, 1, 0])

    def test_an_empty_office_has_nothing_at_risk(self):
        self.assertEqual(portfolio().par30, 0)


class ExportTests(TestCase):
    def test_one_line_a_loan(self):
        rows.loan("L1")
        rows.loan("L2")
        text, count = loans_as_csv()
        header, *lines = csv.reader(StringIO(text))
        self.assertEqual((tuple(header), count), (COLUMNS, 2))
        self.assertEqual({line[0] for line in lines}, {"L1", "L2"})

    def test_the_task_keeps_it(self):
        rows.loan("L1")
        export = Export.objects.create(asked_by="clerk")
        self.assertEqual(tasks.make_export.func(export.pk), 1)
        export.refresh_from_db()
        self.assertIn("L1,", export.content)
