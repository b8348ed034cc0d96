"""The API judged by clients that are not ours: tuspy uploads a part by pieces, schemathesis asks everything that its description allows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from tusclient.client import TusClient

from ecluse.proof.keys import SigningKey
from ecluse.proof.sign import sign_document
from tests.doors.exchange.test_api import TO_EXTRACTED, Machine, enrolled, machine, network, record, sealed

__all__ = ["enrolled", "machine", "network"]

pytestmark = pytest.mark.filterwarnings(
    "ignore"
)  # theirs: certificates not checked, connections left to the collector


def test_tuspy_uploads_a_part(machine: Machine, served: Any, tmp_path: Path) -> None:
    """A tus client that knows nothing of Écluse creates an upload, sends it by pieces with their checksums, and the part is whole in custody."""
    record(machine.journal(tmp_path), *TO_EXTRACTED)
    part = sealed(500_000)
    file = tmp_path / "part-0001.age"
    file.write_bytes(part)
    machine.link.ask("GET", "custody")
    base = f"https://127.0.0.1:{machine.proxy.port}/api/v1/{machine.account.chamber}/uploads"
    client = TusClient(base, headers={"Authorization": f"Bearer {machine.link._token}"})
    for checked, name in ((False, "part-0001.age"), (True, "part-0002.age")):
        uploader = client.uploader(
            str(file),
            chunk_size=100_000,
            metadata={"migration": "m-1", "name": name},
            verify_tls_cert=False,
            upload_checksum=checked,
        )
        uploader.upload()
        with served.chamber(machine.account.chamber).custody.open("m-1", name) as kept:
            assert kept.read() == part


def test_no_request_that_the_api_describes_makes_it_fail(machine: Machine) -> None:
    """Whatever is asked within the API's own description, of a chamber that is there or of none, the answer is its own: never a failure of the server's."""
    from ecluse.doors.api.mount import api

    machine.link.ask("GET", "custody")
    told = {"Authorization": f"Bearer {machine.link._token}", "Host": "sas.example:8443"}
    seen: dict[str, set[int]] = {}

    def judge(case: Any) -> None:
        if len(case.path_parameters["chamber"]) % 2:
            case.path_parameters["chamber"] = machine.account.chamber
        case.headers = {**(case.headers or {}), **told}
        response = case.call(base_url=f"https://127.0.0.1:{machine.proxy.port}", verify=False, timeout=20)
        seen.setdefault(case.operation.label, set()).add(response.status_code)
        assert response.status_code < 500, (case.method, case.path, response.status_code)

    schema = schemathesis.openapi.from_dict(api().get_openapi_schema(path_prefix="/api/v1/"))
    bounded = settings(max_examples=5, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    for found in schema.get_all_operations():
        operation = found.ok()
        bounded(given(operation.as_strategy())(judge))()
    assert len(seen) == 15
    assert 200 in set.union(*seen.values())


def test_a_session_signed_for_another_exchange_opens_nothing(machine: Machine) -> None:
    """A challenge that another exchange had this machine sign, under that one's own name, opens no session here; nor does one answered twice."""
    import json

    from ecluse.base.refusal import Refusal
    from ecluse.proof.canonical import canonical_json, strict_json

    chamber = machine.account.chamber
    link = machine.link

    def opened(challenge: str, exchange: str, key: SigningKey) -> None:
        payload = canonical_json({"challenge": challenge, "chamber": chamber, "exchange": exchange})
        envelope = strict_json(sign_document(payload, type="session", keys=[key]))
        body = canonical_json({"key": machine.key.public.encode(), "envelope": envelope})
        link._tried("POST", f"/api/v1/{chamber}/session", body, {"Content-Type": "application/json"})

    def challenge() -> str:
        return str(json.loads(link._tried("POST", f"/api/v1/{chamber}/challenge", b"", {}).body)["challenge"])

    for exchange, key in (("sas.elsewhere", machine.key), ("sas.example", SigningKey.new())):
        with pytest.raises(Refusal, match="session/refused"):
            opened(challenge(), exchange, key)
    once = challenge()
    opened(once, "sas.example", machine.key)
    for used in (once, "x", once[:-1] + ("0" if once[-1] != "0" else "1")):
        with pytest.raises(Refusal, match="session/refused"):
            opened(used, "sas.example", machine.key)
