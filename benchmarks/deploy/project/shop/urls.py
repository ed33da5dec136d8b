from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from shop import tasks
from shop.edition import EDITION
from shop.models import Confirmation, Order

ORDERS_SHOWN = 20


def orders(request: HttpRequest) -> HttpResponse:
    """The newest orders, and which of them are confirmed."""
    newest = list(Order.objects.order_by("-id")[:ORDERS_SHOWN])
    numbers = [order.number for order in newest]
    confirmed = set(Confirmation.objects.filter(number__in=numbers).values_list("number", flat=True))
    return _shown(request, "shop/orders.html", {"orders": newest, "confirmed": confirmed})


def order(request: HttpRequest, number: int) -> HttpResponse:
    """Take an order; it is confirmed by a task, which takes `seconds`."""
    with transaction.atomic():
        Order.objects.create(number=number)
        tasks.confirm.enqueue(number, float(request.POST.get("seconds", "0")))
    return _shown(request, "shop/taken.html", {"number": number})


def _shown(request: HttpRequest, template: str, context: dict[str, object]) -> HttpResponse:
    answer = render(request, template, {**context, "edition": EDITION})
    answer["Edition"] = str(EDITION)
    return answer


urlpatterns = [path("", orders), path("orders/<int:number>/", order)]
