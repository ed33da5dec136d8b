from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest

PER_PAGE = 25


def page_of(request: HttpRequest, rows: QuerySet) -> tuple[Page, str]:
    """The page that was asked for, and the rest of the query string for links to the others."""
    others = {name: value for name, value in request.GET.items() if name != "page" and value}
    return Paginator(rows, PER_PAGE).get_page(request.GET.get("page")), urlencode(others)
