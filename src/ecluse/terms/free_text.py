"""Health terms that hide in free texts: what a preview counts, so that whoever names a comment field knows what it holds.

Decides words only, by special category. A count is a warning, never a filter: no list of words makes a free text safe, so free text that is
not named stays whatever it says. Sources: decision SAN-2022-009 (HIV, cancer, pregnancy, genetics in comments); law-and-laboratory 5, rule 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["HEALTH_TERMS"]

HEALTH_TERMS: Final[Mapping[str, str]] = {
    "HIV": r"\b(vih|hiv|sida|s[ée]ropositi\w*|trith[ée]rapie|charge virale|pr[eé]p)\b",
    "STI": r"\b(syphilis|chlamydi\w*|gonocoq\w*|gonococci\w*|ist|mst|tpha|vdrl)\b",
    "GEN": r"\b(g[ée]n[ée]tique\w*|caryotype|trisomie|mutation|brca ?[12]?|mucoviscidose|drepanocytose|dr[ée]panocytose)\b",
    "PREG": r"\b(grossesse|enceinte|ivg|fiv|amp|fausse couche|b[eê]ta ?hcg|hcg)\b",
    "ONC": r"\b(cancer\w*|tumeur|tumoral\w*|m[ée]tastas\w*|chimioth[ée]rapie|chimio|leuc[ée]mie|lymphome|carcinome)\b",
    "TOX": r"\b(alcoo\w*|toxicoman\w*|m[ée]thadone|subutex|coca[iï]ne|h[ée]ro[iï]ne|cannabis|opiac[ée]\w*)\b",
    "PSY": r"\b(psychiatr\w*|schizophr\w*|bipolaire|d[ée]pressi\w*|lithium|clozapine|suicid\w*)\b",
}
"""A regular expression (RE2, without case) for each special category, in French as laboratories write it."""
