"""Verbs of an exchange's host: make it (`serve --init`), serve it, make a laboratory's chamber, invite a person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ecluse.base.refusal import Refusal
from ecluse.doors.cli.options import Json
from ecluse.doors.cli.place import here
from ecluse.people.role import ROLES, Role

if TYPE_CHECKING:
    from ecluse.wiring.exchange import Exchange, ExchangeSettings

__all__ = ["chamber", "invite", "serve", "unit"]

_KINDS: Final = {"controller": "laboratory", "processor": "vendor", "outside": "authority"}
Place = Annotated[Path, typer.Option("--exchange", metavar="FOLDER")]


def serve(
    ctx: typer.Context,
    *,
    exchange: Place = Path("exchange"),
    init: Annotated[bool, typer.Option("--init")] = False,
    name: Annotated[str, typer.Option("--name", metavar="HOST")] = "localhost",
    host: Annotated[str, typer.Option("--host", metavar="NAME")] = "",
    person: Annotated[str, typer.Option("--person", metavar="NAME")] = "",
    email: Annotated[str, typer.Option("--email", metavar="ADDRESS")] = "",
    https_port: Annotated[int, typer.Option("--https-port")] = 8443,
    sftp_port: Annotated[int, typer.Option("--sftp-port")] = 2222,
    json: Json = False,
) -> None:
    """Serve an exchange until it is stopped; with --init, make it first, and the one-time link of its first person."""
    from ecluse.wiring.starting import certificate_fingerprint, check_start

    place = here(ctx, json=json)
    voice = place.voice
    folder = place.home / exchange
    if init:
        for option, value in (("--host", host), ("--person", person), ("--email", email)):
            if not value.strip():
                raise Refusal("door/option-missing", option=option, got="serve")
        _make(folder, name=name, host=host, language=voice.language, port=https_port, sftp_port=sftp_port)
    served = _opened(folder)
    link = _first_link(served, host=host, person=person, email=email) if init else ""
    check_start(served)
    settings = served.settings
    fingerprint = certificate_fingerprint(settings)

    from ecluse.doors.serving import serve as serve_doors

    def ready() -> None:
        voice.result("serve", url=_url(settings), fingerprint=fingerprint, link=link)
        voice.line(voice.phrase("serve_ready", url=_url(settings)))
        voice.line(voice.phrase("serve_fingerprint", fingerprint=fingerprint))
        if link:
            voice.line(voice.phrase("serve_first", person=person, link=link))

    serve_doors(served, ready=ready)


def chamber(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    laboratory: Annotated[str, typer.Option("--laboratory", metavar="NAME")],
    identifier: Annotated[str, typer.Option("--identifier", metavar="FINESS")] = "",
    exchange: Place = Path("exchange"),
    json: Json = False,
) -> None:
    """Make the chamber of one laboratory; say the fingerprint of its ledger's key, which the laboratory compares."""
    place = here(ctx, json=json)
    served = _opened(place.home / exchange)

    from ecluse.adapters.accounts.models import Organisation

    made = served.create_chamber(name)
    Organisation.objects.get_or_create(
        name=laboratory, defaults={"kind": "laboratory", "identifier": identifier}
    )
    fingerprint = made.ledger.log.key.fingerprint()
    place.voice.result("exchange chamber", chamber=name, fingerprint=fingerprint)
    place.voice.line(place.voice.phrase("chamber_made", chamber=name, fingerprint=fingerprint))
    place.voice.next("exchange invite --help")


def invite(
    ctx: typer.Context,
    *,
    chambers: Annotated[list[str], typer.Argument(metavar="CHAMBER...")],
    person: Annotated[str, typer.Option("--person", metavar="NAME")],
    professional_id: Annotated[str, typer.Option("--professional-id", metavar="RPPS")],
    email: Annotated[str, typer.Option("--email", metavar="ADDRESS")],
    role: Annotated[Role, typer.Option("--role", metavar="ROLE")],
    organisation: Annotated[str, typer.Option("--organisation", metavar="NAME")],
    exchange: Place = Path("exchange"),
    json: Json = False,
) -> None:
    """Invite one person to chambers by a one-time link, which is shown once."""
    place = here(ctx, json=json)
    served = _opened(place.home / exchange)

    from ecluse.adapters.accounts.models import Organisation
    from ecluse.adapters.accounts.people import invite as invite_person

    of, _ = Organisation.objects.get_or_create(name=organisation, defaults={"kind": _KINDS[ROLES[role].side]})
    token = invite_person(
        served,
        by=None,
        email=email,
        name=person,
        professional_id=professional_id,
        role=role,
        organisation=of,
        chambers=chambers,
    )
    link = f"{_url(served.settings)}join/{token}/"
    place.voice.result("exchange invite", link=link)
    place.voice.line(place.voice.phrase("invited", person=person, link=link))


UNIT: Final = """[Unit]
Description=Écluse, exchange of sealed parcels
After=network-online.target
Wants=network-online.target

[Service]
ExecStart={program} --home {home} serve --exchange {folder}
User={user}
Restart=on-failure
RestartPreventExitStatus=2 12
UMask=0077
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths={folder}
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
ProtectClock=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictSUIDSGID=yes
LockPersonality=yes
CapabilityBoundingSet=
SystemCallArchitectures=native
SystemCallFilter=@system-service
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
"""
"""A refusal (exit 2 or 12) is not tried again: something must be mended first."""


def unit(
    ctx: typer.Context,
    *,
    user: Annotated[str, typer.Option("--user", metavar="ACCOUNT")] = "ecluse",
    exchange: Place = Path("exchange"),
    json: Json = False,
) -> None:
    """Print the systemd unit that serves this exchange, shut in as far as systemd can."""
    import sys

    place = here(ctx, json=json)
    folder = (place.home / exchange).resolve()
    text = UNIT.format(
        program=Path(sys.argv[0]).resolve(), home=place.home.resolve(), folder=folder, user=user
    )
    place.voice.result("exchange unit", unit=text)
    for line in text.splitlines():
        place.voice.line(line)


def _make(folder: Path, *, name: str, host: str, language: str, port: int, sftp_port: int) -> None:
    """A new exchange's file and certificate. Raises Refusal `settings/exists`, `settings/malformed`."""
    from ecluse.adapters.clock import SystemClock
    from ecluse.wiring.exchange import write_exchange
    from ecluse.wiring.starting import make_certificate

    settings = write_exchange(folder, name=name, host=host, language=language, port=port, sftp_port=sftp_port)
    make_certificate(settings, at=SystemClock().now())


def _first_link(served: Exchange, *, host: str, person: str, email: str) -> str:
    """The one-time link of the host's first person."""
    from ecluse.adapters.accounts.models import Organisation
    from ecluse.adapters.accounts.people import invite as invite_person

    of = Organisation.objects.create(kind="host", name=host)
    token = invite_person(
        served, by=None, email=email, name=person, professional_id=email, role=Role.HOST, organisation=of
    )
    return f"{_url(served.settings)}join/{token}/"


def _opened(folder: Path) -> Exchange:
    """The exchange of a folder, Django told of it, its tables brought up to date."""
    from ecluse.wiring.console import configure, upgrade
    from ecluse.wiring.exchange import Exchange, read_exchange

    served = Exchange(read_exchange(folder))
    configure(served)
    upgrade()
    return served


def _url(settings: ExchangeSettings) -> str:
    port = "" if settings.https.port == 443 else f":{settings.https.port}"
    return f"https://{settings.name}{port}/"
