"""Any JSON under FHIR's own names: nothing is raised, nothing hangs, and every element of every resource has one fate."""

from __future__ import annotations

import io
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecluse.adapters.connectors.fhir.format import TELLERS, FhirFormat
from ecluse.adapters.connectors.files.format import Fact, Seen, Unread
from ecluse.terms.vocabulary import vocabulary

INNER = (
    "coding", "text", "code", "system", "value", "display", "reference", "identifier", "type", "use", "family", "given", "unit", "comparator",
    "low", "high", "url", "data", "contentType", "size", "hash", "start", "end", "line", "city", "extension", "valueCoding", "valueAddress",
    "numerator", "denominator", "attachment", "related", "other", "userSelected", "security", "collectedDateTime", "id", "resourceType",
)  # fmt: skip
WORDS = ("", "final", "entered-in-error", "official", "#a", "Patient/p", "urn:uuid:x", "Patient?identifier=a|b", "2024-02-30T25:61:61Z", "9999-12-31T23:59:59-14:00",
         "0001-01-01T00:00:00+14:00", "1984", "YQ==", "8" * 12, "Patient", "replaced-by", "laboratory", "\x00\x01", "🩸")  # fmt: skip

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(WORDS) | st.text(max_size=5)  # fmt: skip
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(INNER), inner, max_size=4),
    max_leaves=12,
)
soundly = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@st.composite
def resources(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from(sorted(TELLERS)))
    elements = sorted(TELLERS[name].elements | {"contained", "meta", "extension", "strange"})
    body = draw(st.dictionaries(st.sampled_from(elements), values, max_size=8))
    return {"resourceType": name, "id": draw(st.sampled_from(("a", "b"))), **body}


def told_of(value: Any) -> list[Fact | Unread | Seen]:
    return list(FhirFormat().read(io.BytesIO(json.dumps(value).encode()), name="1"))


@soundly
@given(resource=resources())
def test_any_resource_is_told_or_unread_and_counted(resource: dict[str, Any]) -> None:
    """Whatever stands in its elements, a resource has one fate, and what is told of it are texts of the vocabulary."""
    told = told_of(resource)
    fields = vocabulary().kinds
    for fact in told:
        if isinstance(fact, Fact):
            assert fact.row["id"]
            assert fact.row.keys() <= fields[fact.kind].fields.keys()
            assert all(value is None or isinstance(value, str | bytes) for value in fact.row.values())
    own = [it for it in told if isinstance(it, Seen) and it.unit == resource["resourceType"]]
    unread = [it for it in told if isinstance(it, Unread)]
    assert sum(it.times for it in own) + len(unread) >= 1
    assert not any(
        fact.place.startswith("1:1") and unread and not own for fact in told if isinstance(fact, Fact)
    )


@soundly
@given(entries=st.lists(st.fixed_dictionaries({"resource": resources() | values}), max_size=4), kind=leaves)
def test_any_bundle_is_accounted_for(entries: list[dict[str, Any]], kind: Any) -> None:
    """Whatever its entries hold, a Bundle raises nothing, and what is unread has its octets and its units."""
    for told in told_of({"resourceType": "Bundle", "type": kind, "entry": entries}):
        if isinstance(told, Unread):
            assert told.raw
            assert all(times > 0 for times in told.units.values())
