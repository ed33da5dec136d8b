"""The contract as a document: terms, then the whole schedule."""

from io import BytesIO

from django.utils.html import escape
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from loans.models import Loan

TERMS = (
    "The lender pays the principal to the borrower on the day named above. It is paid back in monthly instalments.",
    "Interest is owed on what has not been paid back, a twelfth of the yearly rate for each month.",
    "A payment is set against the oldest instalment first, there against interest before principal.",
    "The borrower may pay back more, or all, at any time and without a fee.",
    "An instalment that has not been paid thirty days after its day makes the loan overdue; a notice is sent then.",
    "After ninety days the lender may ask for all that is still owed.",
)


def render(loan: Loan) -> tuple[bytes, int]:
    """The contract of `loan` as PDF, and its number of pages."""
    styles, buffer = getSampleStyleSheet(), BytesIO()
    document = SimpleDocTemplate(buffer, pagesize=A4, title=f"Loan {loan.number}", author="The lending office")
    story = [
        Paragraph(f"Loan agreement {loan.number}", styles["Title"]),
        Paragraph(
            f"between the lending office and {escape(loan.borrower.name)}, {escape(loan.borrower.address)}: "
            f"{loan.principal:,.2f} over {loan.months} months at {loan.annual_rate:.2%} a year, "
            f"paid out on {loan.disbursed_on:%d %B %Y}.",
            styles["BodyText"],
        ),
        Spacer(1, 6 * mm),
    ]
    for number, term in enumerate(TERMS, 1):
        story += [Paragraph(f"§ {number}", styles["Heading3"]), Paragraph(term, styles["BodyText"])]
    story += [Spacer(1, 8 * mm), Paragraph("Schedule", styles["Heading2"]), _schedule(loan)]
    document.build(story)
    return buffer.getvalue(), document.page


def _schedule(loan: Loan) -> Table:
    rows, owed = [("No.", "Due", "Principal", "Interest", "Instalment", "Then owed")], loan.principal
    for line in loan.installments.all():
        owed -= line.principal
        money = (line.principal, line.interest, line.total, owed)
        rows.append((str(line.number), f"{line.due_on:%d %b %Y}", *(f"{amount:,.2f}" for amount in money)))
    table = Table(rows, repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, 0), 0.8, colors.black),
                ("ROWBACKGROUNDS", (0, 1), (-1, -1), [colors.white, colors.whitesmoke]),
                ("ALIGN", (2, 0), (-1, -1), "RIGHT"),
                ("FONTSIZE", (0, 0), (-1, -1), 8),
            ]
        )
    )
    return table
