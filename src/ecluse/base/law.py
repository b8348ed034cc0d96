"""The law that Écluse rests on: each article it cites, with a short title in French and English.

Decides how an article is named, so that a refusal, a page and the manual all say the same thing. It does not hold the wording of
the law (the mentions of Art. 28(3) carry their own, in `terms.agreement`) and gives no legal advice.

Sources: Regulation (EU) 2016/679 (GDPR, « RGPD »), Code de la santé publique (CSP), loi n° 78-17.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ecluse.base.refusal import Refusal

__all__ = ["CITATIONS", "Citation", "cite"]


@dataclass(frozen=True, slots=True)
class Citation:
    """One article: its reference as code and tables write it, and its title for people."""

    article: str
    fr: str
    en: str

    def title(self, language: str) -> str:
        """The short title in `language`."""
        return self.fr if language == "fr" else self.en

    def reference(self, language: str) -> str:
        """The reference as a reader of `language` writes it: RGPD art. 28(3)(a) in French, GDPR Art. 28(3)(a) in English."""
        if language != "fr":
            return self.article
        return self.article.replace("GDPR Art.", "RGPD art.").replace("CSP Art.", "CSP art.")


_TABLE: Final = (
    Citation("GDPR Art. 4(12)", "violation de données à caractère personnel", "personal data breach"),
    Citation("GDPR Art. 5(1)(b)", "limitation des finalités", "purpose limitation"),
    Citation("GDPR Art. 5(1)(c)", "minimisation des données", "data minimisation"),
    Citation("GDPR Art. 5(1)(e)", "limitation de la conservation", "storage limitation"),
    Citation("GDPR Art. 5(1)(f)", "intégrité et confidentialité", "integrity and confidentiality"),
    Citation("GDPR Art. 5(2)", "responsabilité", "accountability"),
    Citation("GDPR Art. 9", "catégories particulières de données", "special categories of personal data"),
    Citation("GDPR Art. 28", "sous-traitant", "processor"),
    Citation(
        "GDPR Art. 28(2)", "autorisation des sous-traitants ultérieurs", "authorisation of other processors"
    ),
    Citation(
        "GDPR Art. 28(3)",
        "contenu du contrat de sous-traitance",
        "contents of the contract with the processor",
    ),
    Citation("GDPR Art. 28(3)(a)", "instruction documentée", "documented instructions"),
    Citation("GDPR Art. 28(3)(b)", "confidentialité des personnes", "confidentiality of persons"),
    Citation("GDPR Art. 28(3)(c)", "mesures de sécurité", "security measures"),
    Citation(
        "GDPR Art. 28(3)(d)", "conditions de la sous-traitance ultérieure", "conditions for other processors"
    ),
    Citation("GDPR Art. 28(3)(e)", "aide pour les droits des personnes", "help with the rights of persons"),
    Citation("GDPR Art. 28(3)(f)", "aide pour les articles 32 à 36", "help with Articles 32 to 36"),
    Citation("GDPR Art. 28(3)(g)", "suppression ou restitution au terme", "deletion or return at the end"),
    Citation("GDPR Art. 28(3)(h)", "information et audits", "information and audits"),
    Citation(
        "GDPR Art. 28(4)",
        "mêmes obligations pour le sous-traitant ultérieur",
        "same obligations for other processors",
    ),
    Citation("GDPR Art. 28(9)", "forme écrite du contrat", "contract in writing"),
    Citation(
        "GDPR Art. 28(10)", "sous-traitant qui décide des finalités", "processor that determines the purposes"
    ),
    Citation(
        "GDPR Art. 29",
        "traitement sur instruction du responsable",
        "processing under the controller's instructions",
    ),
    Citation("GDPR Art. 30(2)", "registre du sous-traitant", "the processor's record"),
    Citation("GDPR Art. 32", "sécurité du traitement", "security of processing"),
    Citation(
        "GDPR Art. 33(2)",
        "notification de la violation au responsable",
        "notice of a breach to the controller",
    ),
    Citation("GDPR Art. 44", "principe général des transferts", "general principle for transfers"),
    Citation("CSP Art. L.1111-8", "hébergement de données de santé", "hosting of health data"),
    Citation("CSP Art. R.1111-11", "contenu du contrat d'hébergement", "contents of the hosting contract"),
    Citation("CSP Art. L.1131-1-3", "annonce d'un résultat génétique", "announcement of a genetic result"),
    Citation("CSP Art. L.1142-28", "conservation pendant dix ans", "retention for ten years"),
    Citation("CSP Art. R.1131-20", "conservation des examens génétiques", "retention of genetic reports"),
    Citation(
        "CSP Art. L.6211-11",
        "responsabilité du biologiste responsable",
        "responsibility of the head biologist",
    ),
    Citation(
        "CSP Art. D.6211-3",
        "validation et communication du résultat",
        "validation and communication of the result",
    ),
    Citation(
        "CSP Art. R.1111-8-2", "usage de l'identité nationale de santé", "use of the national health identity"
    ),
)

CITATIONS: Final[dict[str, Citation]] = {citation.article: citation for citation in _TABLE}
"""Every article cited anywhere in Écluse's documents, by reference."""


def cite(article: str) -> Citation:
    """The citation of `article`. Raises Refusal `law/unknown-article`: nothing is cited that is not in the table."""
    try:
        return CITATIONS[article]
    except KeyError:
        raise Refusal("law/unknown-article", got=article) from None
