"""What the values of a column are, told from the values themselves.

Decides by form and by key (NIR, RPPS, FINESS...), never by a list of people. Each recogniser counts over a sample; the share that fits is
its confidence. It keeps no value.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from stdnum import luhn
from stdnum.fr import nir

__all__ = ["ABSENT", "FORMATS", "PERSONAL", "Finding", "recognise", "shape"]

PERSONAL: Final = frozenset(
    {
        "nir",
        "ins-oid",
        "email",
        "phone",
        "mobile",
        "rpps",
        "free-text",
        "date",
        "document",
        "postcode",
        "uuid",
    }
)
"""Findings whose values are never shown, however often they are seen."""

ABSENT: Final = ("", " ", "00000000", "99999999", "00/00/0000", "0000-00-00", "NULL", "null", "N/A", "-")
"""Texts that stand for nothing in old systems."""

FORMATS: Final = (
    ("%Y%m%d", re.compile(r"\d{8}")),
    ("%d%m%Y", re.compile(r"\d{8}")),
    ("%d/%m/%Y", re.compile(r"\d\d/\d\d/\d{4}")),
    ("%m/%d/%Y", re.compile(r"\d\d/\d\d/\d{4}")),
    ("%Y-%m-%d", re.compile(r"\d{4}-\d\d-\d\d")),
    ("%d-%m-%Y", re.compile(r"\d\d-\d\d-\d{4}")),
    ("%d.%m.%Y", re.compile(r"\d\d\.\d\d\.\d{4}")),
    ("%Y/%m/%d", re.compile(r"\d{4}/\d\d/\d\d")),
    ("%Y-%m-%d %H:%M:%S", re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")),
    ("%d/%m/%Y %H:%M:%S", re.compile(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d")),
    ("%Y%m%d%H%M%S", re.compile(r"\d{14}")),
)
"""Fixed-width dates, in the order in which the first that fits best is believed."""

SEXES: Final = (
    frozenset({"1", "2", "9"}), frozenset({"1", "2", "0"}), frozenset({"M", "F", "U"}), frozenset({"M", "F", "I"}), frozenset({"H", "F", "I"}),
    frozenset({"m", "f", "u"}), frozenset({"male", "female", "unknown"}), frozenset({"M", "F", "O"}),
)  # fmt: skip
OIDS: Final = frozenset(
    {"1.2.250.1.213.1.4.8", "1.2.250.1.213.1.4.9", "1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.11"}
)
"""OIDs of the INS (NIR, NIA, test and demonstration), as the agency publishes them."""

_BASE64: Final = re.compile(r"[A-Za-z0-9+/\r\n]{200,}={0,2}\s*")
ENOUGH: Final = 0.9


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """What a column's values are: `what`, the share of values that fit, from 0 to 1, and a detail (a date's format, a code's table)."""

    what: str
    share: float
    detail: str = ""


def shape(value: str) -> str:
    """A value without what it says: AAA999, runs beyond four counted (9{15}), at most eighty characters."""
    plain = re.sub(
        r"[^\W\d_]", lambda found: "A" if found.group().isupper() else "a", re.sub(r"\d", "9", value)
    )
    return re.sub(
        r"(.)\1{4,}", lambda found: f"{found.group(1)}{{{len(found.group())}}}", plain, flags=re.DOTALL
    )[:80]


def recognise(values: Sequence[object], *, distinct: int) -> tuple[Finding, ...]:
    """What these values are (absent ones left out), the surest first. `distinct`: how many different ones were seen."""
    if values and all(isinstance(value, bytes) for value in values):
        return _document([value for value in values if isinstance(value, bytes)])
    texts = [value.strip() for value in values if isinstance(value, str) and value.strip() not in ABSENT]
    if not texts:
        return ()
    found = [
        Finding(what, share)
        for what, fits in _TESTS
        if (share := sum(map(fits, texts)) / len(texts)) >= ENOUGH
    ]
    found += _date(texts)
    if not found and (sexes := _sexes(texts)):
        found.append(Finding("sex", 1.0, "/".join(sorted(sexes))))
    if not found and _free(texts, distinct):
        found.append(Finding("free-text", 1.0))
    return tuple(sorted(found, key=lambda finding: (-finding.share, _PRECEDENCE.index(finding.what))))


def _date(texts: Sequence[str]) -> list[Finding]:
    """The format that most of the texts have and that makes dates of them between 1850 and 2100."""
    best: list[Finding] = []
    for layout, form in FORMATS:
        share = sum(form.fullmatch(text) is not None and _is_date(text, layout) for text in texts) / len(
            texts
        )
        if share >= ENOUGH and (not best or share > best[0].share):
            best = [Finding("date", share, layout)]
    return best


def _is_date(text: str, layout: str) -> bool:
    try:
        found: date = datetime.strptime(text, layout)  # noqa: DTZ007 - only its form is asked
    except ValueError:
        return False
    return 1850 <= found.year <= 2100


def _document(values: Sequence[bytes]) -> tuple[Finding, ...]:
    pdf = sum(value.startswith(b"%PDF") for value in values) / len(values)
    xml = sum(value.lstrip()[:5] == b"<?xml" for value in values) / len(values)
    share, detail = max((pdf, "pdf"), (xml, "xml"), (0.0, "bytes"))
    return (Finding("document", share or 1.0, detail if share >= ENOUGH else "bytes"),)


def _sexes(texts: Sequence[str]) -> frozenset[str]:
    """The known set these codes belong to, two of them common (a version number is nearly always 1); empty if none."""
    counts = Counter(texts)
    common = [code for code, times in counts.items() if times * 20 >= len(texts)]
    fitting = (sexes for sexes in SEXES if counts.keys() <= sexes)
    return next(fitting, frozenset()) if len(common) >= 2 else frozenset()


def _free(texts: Sequence[str], distinct: int) -> bool:
    """Sentences: long, with several blanks, hardly two the same length."""
    blanks = sum(text.count(" ") for text in texts) / len(texts)
    lengths = Counter(map(len, texts))
    return (
        blanks >= 3
        and max(map(len, texts)) >= 30
        and distinct >= 3
        and len(lengths) >= 3
        and not _addresses(texts)
    )


def _addresses(texts: Sequence[str]) -> bool:
    """Postal addresses begin with a number in the street."""
    return sum(re.match(r"\d{1,4}\b ", text) is not None for text in texts) / len(texts) >= 0.6


def _nir(text: str) -> bool:
    return nir.is_valid(text)


def _rpps(text: str) -> bool:
    return re.fullmatch(r"(?:8|10|99)\d{9,10}", text) is not None and len(text) == 11 and luhn.is_valid(text)


def _phone(text: str) -> bool:
    return re.fullmatch(r"(?:0|\+33|0033)[1-9]\d{8}", re.sub(r"[ .\-]", "", text)) is not None


def _mobile(text: str) -> bool:
    return re.fullmatch(r"(?:0|\+33|0033)[67]\d{8}", re.sub(r"[ .\-]", "", text)) is not None


def _fullmatch(form: str) -> Callable[[str], bool]:
    found = re.compile(form)
    return lambda text: found.fullmatch(text) is not None


_TESTS: Final[tuple[tuple[str, Callable[[str], bool]], ...]] = (
    ("nir", _nir),
    ("ins-oid", lambda text: text in OIDS),
    ("rpps", _rpps),
    ("email", _fullmatch(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")),
    ("mobile", _mobile),
    ("phone", _phone),
    ("uuid", _fullmatch(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")),
    ("loinc", _fullmatch(r"\d{1,5}-\d")),
    ("postcode", _fullmatch(r"(?:0[1-9]|[1-8]\d|9[0-8])\d{3}")),
    ("finess", _fullmatch(r"(?:0[1-9]|[1-8]\d|9[0-9]|2[AB])\d{7}")),
    ("media-type", _fullmatch(r"(?:application|text|image|audio|video)/[\w.+-]+")),
    ("interpretation", lambda text: text in ("S", "I", "R", "SDD", "NS")),
    ("xml", lambda text: text.startswith(("<?xml", "<ClinicalDocument"))),
    ("base64", lambda text: _BASE64.fullmatch(text) is not None),
)
_PRECEDENCE: Final = (*(what for what, _ in _TESTS), "date", "sex", "free-text", "document")
