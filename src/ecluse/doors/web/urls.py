"""Every address of the console. What is not here does not exist: no administration, no sign-up, no password reset by mail."""

from __future__ import annotations

from allauth.account import views as account
from django.urls import URLPattern, URLResolver, include, path

from ecluse.doors.api.mount import api
from ecluse.doors.web import (
    assets,
    chamber,
    contract,
    glass,
    home,
    join,
    machines,
    paper,
    people,
    register,
    requests,
    ssh,
)

__all__ = ["urlpatterns"]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("api/v1/", api().urls),
    path("chamber/<slug:chamber>/", chamber.chamber, name="chamber"),
    path("chamber/<slug:chamber>/migration/<str:name>/", chamber.migration, name="migration"),
    path("chamber/<slug:chamber>/paper/<str:digest>/", paper.paper, name="paper"),
    path("chamber/<slug:chamber>/people/", people.people, name="people"),
    path("chamber/<slug:chamber>/people/new/", people.new, name="invite"),
    path("chamber/<slug:chamber>/people/<str:person>/end/", people.end, name="end"),
    path("chamber/<slug:chamber>/machines/", machines.machines, name="machines"),
    path("chamber/<slug:chamber>/machines/<int:machine>/end/", machines.end, name="end_machine"),
    path("chamber/<slug:chamber>/contract/", contract.contract, name="contract"),
    path("chamber/<slug:chamber>/register/", register.register, name="register"),
    path("chamber/<slug:chamber>/measures/", register.measures, name="measures"),
    path("chamber/<slug:chamber>/requests/", requests.waiting, name="requests"),
    path("chamber/<slug:chamber>/requests/<slug:asked>/", requests.settled, name="settle"),
    path("chamber/<slug:chamber>/glass/<slug:broken>/", requests.reviewed, name="review"),
    path("glass/", glass.chambers, name="glass"),
    path("glass/<slug:chamber>/", glass.look, name="look"),
    path("sftp/", ssh.certificates, name="certificates"),
    path("sftp/<int:serial>/end/", ssh.end, name="end_certificate"),
    path("join/<str:token>/", join.join, name="join"),
    path("style/<str:name>", assets.style, name="style"),
    path("script/<path:name>", assets.script, name="script"),
    path("account/login/", account.login, name="account_login"),
    path("account/logout/", account.logout, name="account_logout"),
    path("account/ended/", account.account_inactive, name="account_inactive"),
    path("account/again/", account.reauthenticate, name="account_reauthenticate"),
    path("account/password/", account.password_change, name="account_change_password"),
    path("account/factors/", include("allauth.mfa.urls")),
    path("account/sessions/", include("allauth.usersessions.urls")),
]
