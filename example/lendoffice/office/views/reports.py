from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from reports import portfolio as figures
from reports.models import Export
from reports.tasks import make_export


@login_required
def portfolio(request: HttpRequest) -> HttpResponse:
    """Portfolio at risk, over all loans, as it is now."""
    found = figures.portfolio()
    most = max((bucket.outstanding for bucket in found.buckets), default=0) or 1
    bars = [(bucket, round(100 * bucket.outstanding / most)) for bucket in found.buckets]
    return render(request, "office/report.html", {"portfolio": found, "bars": bars})


@login_required
def exports(request: HttpRequest) -> HttpResponse:
    """Exports that were asked for; POST asks for one more."""
    if request.method == "POST":
        export = Export.objects.create(asked_by=request.user.get_username())
        make_export.enqueue(export.pk)
        messages.info(request, "The export is being written; it appears here when it is done.")
        return redirect("exports")
    return render(request, "office/exports.html", {"exports": Export.objects.defer("content")[:20]})


@login_required
def download(request: HttpRequest, pk: int) -> HttpResponse:
    """One export as CSV."""
    export = get_object_or_404(Export, pk=pk)
    if export.made_at is None:
        raise Http404("The export has not been written yet.")
    response = HttpResponse(export.content, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="loans-{export.pk}.csv"'
    return response
