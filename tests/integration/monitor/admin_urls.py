"""URLs of a project that has Django's admin; imported while that is installed."""

from django.contrib import admin
from django.urls import path

urlpatterns = [path("admin/", admin.site.urls)]
