from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from office import batch


class BatchForm(forms.Form):
    """How much of the end-of-day work to begin."""

    loans = forms.IntegerField(min_value=1, max_value=5000, initial=200)


@login_required
def index(request: HttpRequest) -> HttpResponse:
    """Work for the night, to be begun by hand."""
    return render(request, "office/operations.html", {"form": BatchForm()})


@login_required
@require_POST
def end_of_day(request: HttpRequest) -> HttpResponse:
    """Begin the end-of-day work for a number of loans."""
    form = BatchForm(request.POST)
    if not form.is_valid():
        return render(request, "office/operations.html", {"form": form}, status=400)
    count = batch.end_of_day(form.cleaned_data["loans"], request.user.get_username())
    if request.headers.get("Accept") == "application/json":
        return JsonResponse({"tasks": count}, status=202)
    messages.success(request, f"{count} tasks have begun.")
    return redirect("operations")
