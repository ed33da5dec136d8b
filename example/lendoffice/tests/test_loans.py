from datetime import date
from decimal import Decimal

from django.test import SimpleTestCase, TestCase

from loans import granting
from loans.models import Application
from loans.schedule import annuity, month_after, schedule
from tests import rows


class ScheduleTests(SimpleTestCase):
    def test_the_annuity_is_that_of_the_textbook(self):
        # 10,000 over a year at 1 % a month: 888.49, as any loan calculator says.
        self.assertEqual(annuity(Decimal(10_000), Decimal("0.12"), 12), Decimal("888.49"))

    def test_without_interest_it_is_an_equal_part(self):
        self.assertEqual(annuity(Decimal(1000), Decimal(0), 8), Decimal("125.00"))

    def test_principal_parts_add_up_to_the_loan_to_the_cent(self):
        for principal, rate, months in (("999.99", "0.199", 48), ("25000", "0.079", 36), ("500", "0", 7)):
            lines = schedule(Decimal(principal), Decimal(rate), months, date(2026, 1, 1))
            self.assertEqual(sum(line.principal for line in lines), Decimal(principal))
            self.assertEqual([line.number for line in lines], list(range(1, months + 1)))

    def test_interest_falls_as_the_debt_does(self):
        interests = [line.interest for line in schedule(Decimal(5000), Decimal("0.12"), 24, date(2026, 1, 1))]
        self.assertEqual(interests, sorted(interests, reverse=True))
        self.assertEqual(interests[0], Decimal("50.00"))

    def test_the_end_of_a_month_stays_the_end_of_a_shorter_one(self):
        self.assertEqual(month_after(date(2026, 1, 31), 1), date(2026, 2, 28))
        self.assertEqual(month_after(date(2027, 12, 31), 2), date(2028, 2, 29))
        self.assertEqual(month_after(date(2026, 11, 15), 2), date(2027, 1, 15))


class GrantingTests(TestCase):
    def test_an_approved_application_becomes_a_loan_with_its_schedule(self):
        loan = granting.approve(rows.application().pk, Decimal("0.119"), "clerk")
        self.assertEqual(loan.installments.count(), 24)
        self.assertEqual(loan.outstanding, Decimal(5000))
        self.assertEqual(loan.application.status, Application.Status.APPROVED)

    def test_the_second_clerk_is_told_who_was_quicker(self):
        application = rows.application()
        granting.decline(application.pk, "first")
        with self.assertRaisesMessage(granting.AlreadyReviewed, "first has reviewed this application already."):
            granting.approve(application.pk, Decimal("0.119"), "second")
        self.assertEqual(Application.objects.get(pk=application.pk).status, Application.Status.DECLINED)
