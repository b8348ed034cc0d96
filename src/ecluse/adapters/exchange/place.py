"""Where an exchange is, and by what it is recognised: what enrolment writes down and every connection is held to.

    https://sas.example:8443/labo-a            its host, and the chamber of this laboratory
    proxy = "http://proxy.example:3128"        where a machine reaches the outside only through one

TLS 1.3 alone. The certificate is checked against the system's store; one that no authority signed is known by its SHA-256, which a person compared.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ecluse.base.refusal import Fault, Refusal

__all__ = ["TIMEOUT", "ExchangePlace"]

TIMEOUT: Final = 30.0
"""Seconds that one connection, one sending or one reading may take."""
_CHAMBER: Final = re.compile(r"/([a-z0-9][a-z0-9-]{0,39})/?")


@dataclass(frozen=True, slots=True)
class ExchangePlace:
    """One chamber of one exchange. `certificate`: the SHA-256 (hex) of the only certificate accepted; "" for those the system trusts."""

    host: str
    port: int
    chamber: str
    proxy: str = ""
    certificate: str = ""

    @classmethod
    def parse(cls, url: str, *, proxy: str = "", certificate: str = "") -> ExchangePlace:
        """From `https://host[:port]/chamber`. Raises Refusal `link/address`."""
        try:
            parts = urlsplit(url)
            port = parts.port or 443
        except ValueError:
            raise Refusal("link/address") from None
        chamber = _CHAMBER.fullmatch(parts.path)
        strange = parts.username is not None or parts.password is not None or parts.query or parts.fragment
        if parts.scheme != "https" or not parts.hostname or chamber is None or strange:
            raise Refusal("link/address")
        return cls(parts.hostname, port, chamber[1], proxy, certificate)

    @property
    def url(self) -> str:
        """As a person writes it."""
        port = "" if self.port == 443 else f":{self.port}"
        return f"https://{self.host}{port}/{self.chamber}"

    def connect(self, *, timeout: float = TIMEOUT) -> http.client.HTTPSConnection:
        """An open connection to the exchange and to no other. Raises Refusal `link/another-certificate`, Fault `link/not-reached`."""
        context = self._context(verified=not self.certificate)
        connection = self._open(context, timeout=timeout)
        if self.certificate and hashlib.sha256(_peer(connection)).hexdigest() != self.certificate:
            connection.close()
            raise Refusal("link/another-certificate", where=self.host)
        return connection

    def presented(self, *, timeout: float = TIMEOUT) -> tuple[bytes, bool]:
        """The certificate it shows, in DER, and whether the system trusts it: before it is enrolled, when nothing is sent yet. Raises Fault `link/not-reached`."""
        try:
            trusted = True
            connection = self._open(self._context(verified=True), timeout=timeout)
        except Refusal:
            trusted = False
            connection = self._open(self._context(verified=False), timeout=timeout)
        certificate = _peer(connection)
        connection.close()
        return certificate, trusted

    def _context(self, *, verified: bool) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if not verified:  # its very certificate is compared instead, before an octet is sent
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _open(self, context: ssl.SSLContext, *, timeout: float) -> http.client.HTTPSConnection:
        host, port = (self.host, self.port)
        if self.proxy:
            by = urlsplit(self.proxy)
            if by.scheme != "http" or not by.hostname:
                raise Refusal("link/address")
            host, port = by.hostname, by.port or 3128
        connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
        if self.proxy:
            connection.set_tunnel(self.host, self.port)
        try:
            connection.connect()
        except ssl.SSLCertVerificationError:
            connection.close()
            raise Refusal("link/another-certificate", where=self.host) from None
        except (OSError, http.client.HTTPException):
            connection.close()
            raise Fault("link/not-reached", where=self.host) from None
        return connection


def _peer(connection: http.client.HTTPSConnection) -> bytes:
    socket = connection.sock
    assert isinstance(socket, ssl.SSLSocket)
    return socket.getpeercert(binary_form=True) or b""
