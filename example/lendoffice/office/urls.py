from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from office.views import applications, borrowers, home, loans, operations, payments, reports

urlpatterns = [
    path("", home.home, name="home"),
    path("style.css", home.style, name="style"),
    path("login/", LoginView.as_view(template_name="office/login.html"), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("borrowers/", borrowers.index, name="borrowers"),
    path("borrowers/<int:pk>/", borrowers.detail, name="borrower"),
    path("borrowers/<int:pk>/ask-bureau/", borrowers.ask_bureau, name="ask-bureau"),
    path("applications/", applications.index, name="applications"),
    path("applications/<int:pk>/", applications.review, name="application"),
    path("loans/", loans.index, name="loans"),
    path("loans/<int:pk>/", loans.detail, name="loan"),
    path("loans/<int:pk>/contract.pdf", loans.contract, name="contract"),
    path("loans/<int:pk>/pay/", payments.take, name="pay"),
    path("payments/<int:pk>/state/", payments.state, name="payment-state"),
    path("report/", reports.portfolio, name="report"),
    path("exports/", reports.exports, name="exports"),
    path("exports/<int:pk>/loans.csv", reports.download, name="export"),
    path("operations/", operations.index, name="operations"),
    path("operations/end-of-day/", operations.end_of_day, name="end-of-day"),
]
