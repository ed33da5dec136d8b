from lendoffice.background import task
from payments import posting


@task(priority=90)
def post_payment(payment_id: int) -> bool:
    """Post a payment to the ledger, and send a receipt when it was posted now."""
    from notices.tasks import send_receipt

    posted = posting.post(payment_id)
    if posted:
        send_receipt.enqueue(payment_id)
    return posted
