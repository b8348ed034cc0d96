"""Verbs about sites and people: make a workspace, a site with its root key, the persons it certifies; compare sites by voice."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ecluse.base.refusal import Refusal
from ecluse.base.words import day
from ecluse.doors.cli.options import Dry, Json, Secret, SideName
from ecluse.doors.cli.place import here, new_passphrase, octets_of, passphrase, typed

__all__ = ["add", "compare", "confirm", "init", "new", "people", "recover", "renew", "show"]

Side = Annotated[SideName, typer.Argument(metavar="source|target")]


def init(
    ctx: typer.Context,
    *,
    source: Annotated[str, typer.Option("--source", metavar="URL")] = "",
    target: Annotated[str, typer.Option("--target", metavar="URL")] = "",
    exchange_url: Annotated[str, typer.Option("--exchange", metavar="URL")] = "",
    source_mapping: Annotated[str, typer.Option(metavar="FILE")] = "source.toml",
    target_mapping: Annotated[str, typer.Option(metavar="FILE")] = "target.toml",
    json: Json = False,
    dry_run: Dry = False,
) -> None:
    """Write ecluse.toml and make the exchange; or, with --exchange, for the one site of this machine."""
    from ecluse.adapters.exchange.place import ExchangePlace
    from ecluse.wiring.laboratory import create_exchange
    from ecluse.wiring.settings import FILE, write_settings
    from ecluse.wiring.systems import check_address

    place = here(ctx, json=json)
    given = {"--source": source, "--target": target}
    for option, url in given.items():
        if url or not exchange_url:
            check_needed(option, url)
            check_address(url)
    if exchange_url:
        ExchangePlace.parse(exchange_url)
        if not any(given.values()):
            check_needed("--source", "")
    if (place.home / FILE).exists():
        raise Refusal("settings/exists", where=FILE)
    if not dry_run:
        place.home.mkdir(parents=True, exist_ok=True)
        settings = write_settings(
            place.home,
            language=place.voice.language,
            source_url=source,
            target_url=target,
            source_mapping=source_mapping,
            target_mapping=target_mapping,
            exchange=exchange_url or "exchange",
        )
        if not exchange_url:
            create_exchange(settings.exchange)
    place.voice.result("init", home=str(place.home), file=FILE, dry_run=dry_run)
    place.voice.line(place.voice.phrase("dry" if dry_run else "init_done", what=FILE))
    place.voice.next("site new source")


def new(
    ctx: typer.Context,
    *,
    side: Side,
    passphrase_file: Secret = None,
    json: Json = False,
    dry_run: Dry = False,
) -> None:
    """Make a site and its root key; print its 24 words, once."""
    from ecluse.proof.words import seed_to_words

    place = here(ctx, json=json)
    voice, workspace = place.voice, place.workspace
    folder = workspace.folder(side.value)
    if folder.path.exists():
        raise Refusal("settings/exists", where=folder.name)
    secret = new_passphrase(voice, passphrase_file, whose=folder.name)
    if dry_run:
        voice.result("site new", site=folder.name, fingerprint="", words=[], dry_run=True)
        voice.line(voice.phrase("dry", what=folder.name))
        return
    root = folder.create(passphrase=secret, at=workspace.clock())
    workspace.write_card(folder, root=root)
    words = seed_to_words(root.seed)
    voice.result(
        "site new", site=folder.name, fingerprint=root.public.fingerprint(), words=list(words), dry_run=False
    )
    voice.talk(voice.phrase("words_for_the_safe", site=folder.name))
    for row in range(0, len(words), 6):
        voice.line(
            "  ".join(
                f"{place:>2} {word:<12}" for place, word in enumerate(words[row : row + 6], row + 1)
            ).rstrip()
        )
    voice.talk(voice.phrase("fingerprint", site=folder.name, fingerprint=root.public.fingerprint()))
    voice.next(f"site confirm {side.value}")


def confirm(ctx: typer.Context, *, side: Side, json: Json = False, dry_run: Dry = False) -> None:
    """Type the 24 words back: only then is the root key in use."""
    from ecluse.proof.keys import SigningKey
    from ecluse.proof.words import words_to_seed

    place = here(ctx, json=json)
    folder = place.workspace.folder(side.value)
    root = folder.root
    recovered = SigningKey.from_seed(words_to_seed(typed(place.voice, "ask_words")))
    if recovered.public != root:
        raise Refusal("key/another-root", where=folder.name)
    if not dry_run and not folder.confirmed:
        folder.confirm()
    place.voice.result("site confirm", site=folder.name, confirmed=not dry_run, dry_run=dry_run)
    place.voice.line(place.voice.phrase("words_confirmed", site=folder.name))
    place.voice.next(f"site show {side.value}")


def recover(
    ctx: typer.Context,
    *,
    side: Side,
    passphrase_file: Secret = None,
    json: Json = False,
    dry_run: Dry = False,
) -> None:
    """Choose a new passphrase for a root key, from its 24 words."""
    from ecluse.proof.keys import SigningKey
    from ecluse.proof.words import words_to_seed

    place = here(ctx, json=json)
    folder = place.workspace.folder(side.value)
    root = SigningKey.from_seed(words_to_seed(typed(place.voice, "ask_words")))
    if root.public != folder.root:
        raise Refusal("key/another-root", where=folder.name)
    secret = new_passphrase(place.voice, passphrase_file, whose=folder.name)
    if not dry_run:
        folder.restore_root(root, passphrase=secret)
    place.voice.result("site recover", site=folder.name, dry_run=dry_run)
    place.voice.line(place.voice.phrase("dry" if dry_run else "recovered", what=folder.name))
    place.voice.next(f"site show {side.value}")


def renew(
    ctx: typer.Context,
    *,
    side: Side,
    passphrase_file: Secret = None,
    json: Json = False,
    dry_run: Dry = False,
) -> None:
    """Certify the site's machine for two years more, before or after its certificate has ended."""
    place = here(ctx, json=json)
    voice, workspace = place.voice, place.workspace
    folder = workspace.folder(side.value)
    root = folder.unlock_root(passphrase(voice, passphrase_file, whose=folder.name))
    held, _ = folder.agent_certificate(root=root.public)
    if not dry_run:
        held = folder.renew_agent(root=root, at=workspace.clock())
        workspace.write_card(folder, root=root)
    voice.result("site renew", site=folder.name, until=held.not_after.isoformat(), dry_run=dry_run)
    voice.line(voice.phrase("renewed", site=folder.name, until=day(held.not_after, voice.language)))
    voice.next("doctor")


def show(ctx: typer.Context, *, side: Side, json: Json = False) -> None:
    """The site's fingerprint, to be read aloud, and the sites it compared."""
    place = here(ctx, json=json)
    voice, folder = place.voice, place.workspace.folder(side.value)
    root = folder.root
    other = place.workspace.folder("target" if side is SideName.SOURCE else "source")
    peers = {name: key.fingerprint() for name, key in folder.peers().items() if name != folder.name}
    voice.result(
        "site show",
        site=folder.name,
        fingerprint=root.fingerprint(),
        key=root.encode(),
        confirmed=folder.confirmed,
        peers=peers,
    )
    voice.line(voice.phrase("fingerprint", site=folder.name, fingerprint=root.fingerprint()))
    voice.line(root.encode())
    if not folder.confirmed:
        voice.talk(voice.phrase("not_confirmed"))
    for name, print_ in peers.items():
        voice.line(voice.phrase("peer", site=name, fingerprint=print_))
    voice.next(f"site compare {other.name}" if folder.confirmed else f"site confirm {side.value}")


def compare(
    ctx: typer.Context,
    *,
    peer: Annotated[str, typer.Argument(metavar="SITE")],
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE")] = None,
    fingerprint: Annotated[str, typer.Option("--fingerprint", metavar="DIGITS")] = "",
    json: Json = False,
    dry_run: Dry = False,
) -> None:
    """Trust another site's root once its fingerprint, read by voice or on paper, was typed here."""
    from ecluse.proof.keys import VerifyKey

    place = here(ctx, json=json)
    voice, workspace = place.voice, place.workspace
    source, target = workspace.folder("source"), workspace.folder("target")
    if peer not in (source.name, target.name):
        raise Refusal("settings/site-absent", where=peer)
    mine = target if peer == source.name else source
    root = (
        VerifyKey.parse(octets_of(key).decode("utf-8", "replace").strip())
        if key
        else workspace.root_told(peer)
    )
    check_digits(fingerprint or typed(voice, "ask_fingerprint"), root.fingerprint(), where=peer)
    if peer not in mine.peers() and not dry_run:
        mine.compare(peer, root)
    voice.result("site compare", site=mine.name, peer=peer, dry_run=dry_run)
    voice.line(voice.phrase("dry" if dry_run else "compared", what=peer))
    voice.next("person add --help")


def check_needed(option: str, given: str) -> None:
    """Raise Refusal `door/option-missing` for an option that this command cannot do without."""
    if not given:
        raise Refusal("door/option-missing", option=option, got="init")


def check_digits(typed_digits: str, expected: str, *, where: str) -> None:
    """Raise Refusal `door/fingerprint-differs` unless the digits typed are the fingerprint's; spaces do not count."""
    if "".join(typed_digits.split()) != "".join(expected.split()):
        raise Refusal("door/fingerprint-differs", where=where)


def add(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Option("--name")],
    professional_id: Annotated[str, typer.Option("--professional-id", metavar="NUMBER")],
    role: Annotated[str, typer.Option("--role")],
    side: Annotated[SideName, typer.Option("--site", metavar="source|target")] = SideName.SOURCE,
    passphrase_file: Secret = None,
    person_passphrase_file: Annotated[
        Path | None, typer.Option("--person-passphrase-file", metavar="FILE")
    ] = None,
    json: Json = False,
    dry_run: Dry = False,
) -> None:
    """A new person with a key of their own, certified by the site's root."""
    from ecluse.people.role import Role

    place = here(ctx, json=json)
    voice, workspace = place.voice, place.workspace
    if role not in list(Role):
        raise typer.BadParameter(voice.phrase("roles", roles=", ".join(Role)))
    folder = workspace.folder(side.value)
    root = folder.unlock_root(passphrase(voice, passphrase_file, whose=folder.name))
    option = "--person-passphrase-file"
    secret = new_passphrase(voice, person_passphrase_file, whose=name, option=option)
    if dry_run:
        voice.result("person add", id="", role=role, site=folder.name, dry_run=True)
        voice.line(voice.phrase("dry", what=role))
        return
    person = folder.add_person(
        name=name,
        professional_id=professional_id,
        role=Role(role),
        passphrase=secret,
        root=root,
        at=workspace.clock(),
    )
    workspace.write_card(folder, root=root)
    voice.result("person add", id=person.id, role=role, site=folder.name, dry_run=False)
    voice.line(voice.phrase("person_added", id=person.id, site=folder.name))
    voice.next("person list")


def people(ctx: typer.Context, *, json: Json = False) -> None:
    """Everyone the sites of this workspace certified."""
    from ecluse.people.role import ROLES

    place = here(ctx, json=json)
    voice, workspace = place.voice, place.workspace
    at = workspace.clock()
    found = [
        (folder.name, person)
        for folder in (workspace.folder("source"), workspace.folder("target"))
        if (folder.path / "root.pub").is_file()
        for person, _ in folder.people(at=at).values()
    ]
    voice.result(
        "person list",
        people=[
            {"id": person.id, "name": person.name, "role": person.role.value, "site": site}
            for site, person in found
        ],
    )
    voice.table(
        [(person.id, person.name, ROLES[person.role].label[voice.language], site) for site, person in found]
    )
    voice.next("lock status")
