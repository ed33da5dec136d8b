from decimal import Decimal

from django.contrib.auth.models import User
from django.test import TestCase
from django.urls import reverse

from contracts.tasks import make_contract
from loans.models import Loan
from payments.models import Payment
from reports.models import Export
from tests import rows


class PageTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.clerk = User.objects.create_user("clerk", password="clerk-demo", is_staff=True)
        cls.loan = rows.loan()
        cls.application = rows.application()
        make_contract.func(cls.loan.pk)
        cls.export = Export.objects.create(asked_by="clerk", content="a", rows=1, made_at=cls.clerk.date_joined)

    def setUp(self):
        self.client.force_login(self.clerk)

    def pages(self):
        loan, borrower = self.loan, self.loan.borrower
        return [
            *map(reverse, ("home", "borrowers", "applications", "loans", "report", "exports", "operations")),
            borrower.get_absolute_url(),
            self.application.get_absolute_url(),
            loan.get_absolute_url(),
            reverse("contract", args=[loan.pk]),
            reverse("pay", args=[loan.pk]),
            reverse("export", args=[self.export.pk]),
            "/loans/?q=L1&status=active&late=0",
            "/borrowers/?q=ada&page=7",
        ]

    def test_every_page_opens_for_a_clerk(self):
        for page in self.pages():
            self.assertEqual(self.client.get(page).status_code, 200, page)

    def test_and_for_nobody_else(self):
        self.client.logout()
        for page in self.pages():
            answer = self.client.get(page)
            self.assertEqual((answer.status_code, answer["Location"][:13]), (302, "/login/?next="), page)

    def test_a_payment_is_taken_and_waits_to_be_posted(self):
        form = {"amount": "50.00", "received_on": "2026-03-01", "reference": "till 2"}
        answer = self.client.post(reverse("pay", args=[self.loan.pk]), form)
        payment = Payment.objects.get(reference="till 2")
        self.assertRedirects(answer, f"{self.loan.get_absolute_url()}?payment={payment.pk}")
        self.assertEqual((payment.amount, payment.posted_at), (Decimal(50), None))
        self.assertContains(self.client.get(self.loan.get_absolute_url()), "waiting to be posted")

    def test_a_payment_of_nothing_is_refused(self):
        answer = self.client.post(reverse("pay", args=[self.loan.pk]), {"amount": "0", "received_on": "2026-03-01"})
        self.assertContains(answer, "greater than or equal to 0.01")
        self.assertFalse(Payment.objects.exists())

    def test_an_application_is_approved(self):
        form = {"decision": "approve", "annual_rate": "11.90", "remark": "steady income"}
        self.client.post(self.application.get_absolute_url(), form)
        loan = Loan.objects.get(application=self.application)
        self.assertEqual((loan.annual_rate, loan.application.reviewed_by), (Decimal("0.1190"), "clerk"))

    def test_the_end_of_the_day_says_how_much_has_begun(self):
        answer = self.client.post(reverse("end-of-day"), {"loans": "5"}, follow=True)
        self.assertContains(answer, "tasks have begun.")
        self.assertEqual(self.client.post(reverse("end-of-day"), {"loans": "0"}).status_code, 400)
