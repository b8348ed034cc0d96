"""The acts billed for a slice's requests, and some payments in the same table.

Decides FACTUR: one line (TYPLIG A) for each act that a panel's tests need, and for some requests a payment (TYPLIG R), which has no act. A
cancelled request is not billed.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from ecluse.invent.catalogue import PANELS, analyses
from ecluse.invent.columns import dates, digits, fixed, pick
from ecluse.invent.draws import Draws, Index
from ecluse.invent.old_system import OLD
from ecluse.invent.requests import CANCELLED, Requests

__all__ = ["bills"]

_PAYERS: Final = (
    "CPAM du Morbihan",
    "CPAM du Loiret",
    "CPAM de l'Eure",
    "MSA Portes de Bretagne",
    "MGEN",
    "Tiers payant ALD 100 %",
    "Le patient",
)


def _panel_acts() -> tuple[list[str], Index, Index]:
    acts: list[str] = []
    starts, counts = [], []
    for panel in PANELS:
        own = list(dict.fromkeys(test.act for test in analyses() if test.panel == panel.name))
        starts.append(len(acts))
        counts.append(len(own))
        acts += own
    return acts, np.array(starts), np.array(counts)


_ACTS, _START, _COUNT = _panel_acts()
_PRICES: Final = [f"{2 + sum(map(ord, act)) * 37 % 60},{sum(map(ord, act)) * 7 % 100:02d}" for act in _ACTS]
_PAYMENT_RANK: Final = 9001


def bills(draws: Draws, requests: Requests) -> pa.RecordBatch:
    """The rows of FACTUR: the acts, then the payments, of a slice."""
    line, slot = np.nonzero((requests.panels >= 0) & (requests.state != CANCELLED)[:, None])
    panel = requests.panels[line, slot]
    count = _COUNT[panel]
    request = np.repeat(line, count)
    act = np.repeat(_START[panel], count) + _ranks(count)
    rank = _ranks(np.bincount(request, minlength=len(requests.at))) + 1
    paid = np.flatnonzero(draws.chance("paid", requests.at, 0.3) & (requests.state != CANCELLED))
    act = np.concatenate((act, np.zeros(len(paid), dtype=np.int64)))
    rank = np.concatenate((rank, np.full(len(paid), _PAYMENT_RANK)))
    request = np.concatenate((request, paid))
    # A request's payment stands after its acts: so the order does not depend on the slice.
    order = np.argsort(request, kind="stable")
    request, rank, act = request[order], rank[order], act[order]
    is_act = rank < _PAYMENT_RANK
    text, at = requests.text[request], requests.at[request]
    columns = [
        fixed(np.concatenate((text, digits(rank, 4)), axis=1)),
        fixed(text),
        pick(pa.array(("R", "A")), is_act.astype(np.int64)),
        pick(pa.array(_ACTS), act, where=is_act),
        pick(pa.array(("1",)), np.zeros(len(act), dtype=np.int64), where=is_act),
        pick(pa.array([*_PRICES, "15,40"]), np.where(is_act, act, len(_PRICES))),
        pick(pa.array(_PAYERS), draws.below("payer", at, len(_PAYERS))),
        fixed(dates(requests.day + 2, "DD/MM/YYYY")[request]),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=OLD.table("FACTUR").arrow)


def _ranks(counts: Index) -> Index:
    return np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
