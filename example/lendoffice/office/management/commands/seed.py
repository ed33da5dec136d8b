"""`manage.py seed`: an office with history."""

import random
from datetime import date, timedelta
from decimal import Decimal

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction
from django.utils import timezone
from faker import Faker

from borrowers.models import Borrower
from bureau.models import Report
from lendoffice.money import cents
from loans.granting import installments
from loans.models import Application, Installment, Loan
from payments.models import Entry, Payment

SEED = 20_110_403
USER, PASSWORD = "clerk", "clerk-demo"
CHIEF, CHIEF_PASSWORD = "chief", "chief-demo"
PURPOSES = ("Car", "Roof", "Kitchen", "Wedding", "Studies", "Shop fittings", "Tractor", "Sewing machines", "Dentist")
RATES = ("0.0790", "0.0990", "0.1190", "0.1490", "0.1990")
OPEN_APPLICATIONS = 60


class Command(BaseCommand):
    help = "Fill an empty office with borrowers, loans and their history, and make the demo's clerk and her chief."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--loans", type=int, default=5000, help="How many loans (5000).")

    def handle(self, *args: object, loans: int, **options: object) -> None:
        if not User.objects.filter(username=USER).exists():
            User.objects.create_user(USER, password=PASSWORD, is_staff=True)
        if not User.objects.filter(username=CHIEF).exists():
            User.objects.create_superuser(CHIEF, password=CHIEF_PASSWORD)
        if (there := Loan.objects.count()) > 0:
            self.stdout.write(f"The office has {there} loans already; nothing was changed.")
            return
        with transaction.atomic():
            Seeder(loans, timezone.localdate()).sow()
        self.stdout.write(f"{loans} loans. Log in as {USER} with the password {PASSWORD}.")


class Seeder:
    """Sows the same office each time: one seed for names and for numbers."""

    def __init__(self, loans: int, today: date) -> None:
        self.loans = loans
        self.today = today
        self.random = random.Random(SEED)
        self.fake = Faker("en_GB")
        self.fake.seed_instance(SEED)

    def sow(self) -> None:
        borrowers = self._borrowers()
        loans = self._loans(borrowers)
        self._history(loans)
        self._open_applications(borrowers)
        self._reports(borrowers)

    def _borrowers(self) -> list[Borrower]:
        def one() -> Borrower:
            since = self.today - timedelta(days=self.random.randint(100, 4000))
            return Borrower(
                name=self.fake.name(),
                email=self.fake.unique.safe_email(),
                phone=self.fake.phone_number(),
                address=self.fake.address().replace("\n", ", "),
                born=self.today - timedelta(days=self.random.randint(20 * 365, 75 * 365)),
                employer=self.fake.company(),
                monthly_income=Decimal(self.random.randrange(1200, 7800, 50)),
                since=since,
                score=self.random.randint(420, 810),
            )

        return Borrower.objects.bulk_create([one() for _ in range(max(1, self.loans * 3 // 5))], batch_size=1000)

    def _loans(self, borrowers: list[Borrower]) -> list[Loan]:
        def one(number: int) -> Loan:
            months = self.random.choice((12, 18, 24, 36, 48))
            return Loan(
                borrower=self.random.choice(borrowers),
                number=f"L{number:06}",
                principal=Decimal(self.random.randrange(500, 25_000, 100)),
                annual_rate=Decimal(self.random.choice(RATES)),
                months=months,
                disbursed_on=self.today - timedelta(days=self.random.randint(20, months * 30 + 200)),
            )

        return Loan.objects.bulk_create([one(number) for number in range(1, self.loans + 1)], batch_size=1000)

    def _history(self, loans: list[Loan]) -> None:
        """Schedules, and payments for what fell due: most people pay, some stop."""
        lines, payments, changed = [], [], []
        for loan in loans:
            plan = installments(loan)
            stops_after = self.random.randint(1, loan.months) if self.random.random() < 0.12 else loan.months
            late_since = None
            for line in plan:
                if line.due_on > self.today:
                    break
                if line.number <= stops_after:
                    line.paid_principal, line.paid_interest = line.principal, line.interest
                    payments.append((loan, line))
                elif late_since is None:
                    late_since = line.due_on
            lines += plan
            loan.days_overdue = (self.today - late_since).days if late_since else 0
            loan.status = Loan.Status.PAID if all(line.is_paid for line in plan) else Loan.Status.ACTIVE
            changed.append(loan)
        Installment.objects.bulk_create(lines, batch_size=5000)
        Loan.objects.bulk_update(changed, ["days_overdue", "status"], batch_size=1000)
        self._payments(payments)

    def _payments(self, paid: list[tuple[Loan, Installment]]) -> None:
        rows = [
            Payment(
                loan=loan,
                amount=line.total,
                received_on=line.due_on,
                reference=f"Instalment {line.number}",
                taken_by="history",
                posted_at=timezone.now(),
            )
            for loan, line in paid
        ]
        rows = Payment.objects.bulk_create(rows, batch_size=5000)
        account = Entry.Account
        entries = []
        for payment, (_, line) in zip(rows, paid, strict=True):
            sides = (
                (account.CASH, line.total),
                (account.INTEREST, -line.interest),
                (account.PRINCIPAL, -line.principal),
            )
            entries += [
                Entry(payment=payment, account=name, amount=cents(amount), booked_on=payment.received_on)
                for name, amount in sides
                if amount
            ]
        Entry.objects.bulk_create(entries, batch_size=5000)

    def _open_applications(self, borrowers: list[Borrower]) -> None:
        Application.objects.bulk_create(
            Application(
                borrower=self.random.choice(borrowers),
                amount=Decimal(self.random.randrange(500, 25_000, 100)),
                months=self.random.choice((12, 18, 24, 36, 48)),
                purpose=self.random.choice(PURPOSES),
                applied_on=self.today - timedelta(days=self.random.randint(0, 12)),
            )
            for _ in range(OPEN_APPLICATIONS)
        )

    def _reports(self, borrowers: list[Borrower]) -> None:
        Report.objects.bulk_create(
            Report(borrower=one, points=self.random.randint(400, 800), open_loans_elsewhere=self.random.randint(0, 4))
            for one in borrowers[::3]
        )
