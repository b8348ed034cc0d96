"""`ecluse agent page`: the laboratory's own page on this machine, for one sitting."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer

from ecluse.doors.cli.options import Json
from ecluse.doors.cli.place import here

__all__ = ["page"]


def page(
    ctx: typer.Context,
    *,
    port: Annotated[int, typer.Option("--port", metavar="PORT", min=0, max=65535)] = 0,
    json: Json = False,
) -> None:
    """Serve the page until Ctrl-C, or until nobody was there for half an hour; print its address, which serves once."""
    from ecluse.doors.local import Door

    place = here(ctx, json=json)
    voice = place.voice
    door = Door(place.workspace, language=voice.language, port=port)
    voice.result("agent page", address=door.address)
    voice.line(door.address)
    voice.talk(voice.phrase("page_open"))
    with suppress(KeyboardInterrupt):  # the usual way of closing it
        door.serve()
    voice.talk(voice.phrase("page_closed"))
    voice.next("agent page")
