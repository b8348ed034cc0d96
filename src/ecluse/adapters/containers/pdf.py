"""Asks the process that reads PDF files (`pdf_text`), and outlives it: a file that hangs, crashes or swells costs its own time only.

Decides how long one file may take. One process serves many files and is started again after a file that ended it.
"""

from __future__ import annotations

import os
import select
import struct
import subprocess
import sys
import time
from typing import Final, NamedTuple, Self

__all__ = ["PdfReading", "PdfTexts"]

SECONDS: Final = 20.0


class PdfReading(NamedTuple):
    """The text of a PDF, or None and why not."""

    text: str | None
    why: str = ""


class PdfTexts:
    """The reader of PDF texts. `seconds` is the longest that one file may take. Close it, or use it in a `with`."""

    def __init__(self, *, seconds: float = SECONDS, command: tuple[str, ...] = ()) -> None:
        self._seconds = seconds
        self._command = command or (
            sys.executable,
            "-I",
            "-W",
            "ignore",
            "-m",
            "ecluse.adapters.containers.pdf_text",
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process, if one runs."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.kill()
        process.communicate()

    def read(self, content: bytes) -> PdfReading:
        """The text of one file. Never raises for what the file is."""
        process = self._started()
        try:
            return self._asked(process, content)
        except TimeoutError:
            self.close()
            return PdfReading(None, "too-slow")
        except (OSError, EOFError):
            self.close()
            return PdfReading(None, "damaged")

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={},  # what reads a hostile file is told nothing
                close_fds=True,
                bufsize=0,
            )
        return self._process

    def _asked(self, process: subprocess.Popen[bytes], content: bytes) -> PdfReading:
        assert process.stdin is not None
        assert process.stdout is not None
        until = time.monotonic() + self._seconds
        self._send(process.stdin.fileno(), struct.pack(">Q", len(content)) + content, until)
        answer = process.stdout.fileno()
        head = self._receive(answer, 9, until)
        body = self._receive(answer, struct.unpack(">Q", head[1:])[0], until).decode()
        return PdfReading(body) if head[:1] == b"T" else PdfReading(None, body)

    @staticmethod
    def _send(to: int, octets: bytes, until: float) -> None:
        waiting = memoryview(octets)
        while waiting:
            if not select.select([], [to], [], max(0.0, until - time.monotonic()))[1]:
                raise TimeoutError
            waiting = waiting[os.write(to, waiting[:65536]) :]

    @staticmethod
    def _receive(source: int, length: int, until: float) -> bytes:
        got = bytearray()
        while len(got) < length:
            if not select.select([source], [], [], max(0.0, until - time.monotonic()))[0]:
                raise TimeoutError
            piece = os.read(source, min(65536, length - len(got)))
            if not piece:
                raise EOFError
            got += piece
        return bytes(got)
