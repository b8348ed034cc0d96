"""Which targets take rows anew, said before anything is read."""

from __future__ import annotations

import pytest

from ecluse.base.refusal import Refusal
from ecluse.wiring.systems import check_replacing


def test_a_cut_over_run_into_gnuhealth_is_refused_before_it_begins() -> None:
    """GNU Health's professionals may have worked on a record since: no run that replaces is begun; other targets take it."""
    with pytest.raises(Refusal, match="gnuhealth/no-replacing"):
        check_replacing("gnuhealth+https://ecluse@health.example/production")
    for url in ("sqlite:///new.sqlite", "fhir+https://fhir.example/R4", "hl7v2+file:///srv/new"):
        check_replacing(url)
