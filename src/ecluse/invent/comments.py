"""The sentences of the free-text fields: where, in real systems, the sensitive things hide.

Decides the sentences and what each one tells. Spelling mistakes, abbreviations and negations are deliberate: a negation ("pas de VIH")
tells that somebody asked. Every sentence is invented and names nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Final

__all__ = ["CLINICAL", "FIRST", "RESULT_REMARKS", "SECOND", "SENTENCES", "Sentence"]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence and the categories of what it tells, as in the vocabulary; "H" for ordinary health, "ADM" for none."""

    text: str
    tells: tuple[str, ...]


def _tell(categories: str, *texts: str) -> tuple[Sentence, ...]:
    return tuple(Sentence(text, tuple(categories.split(","))) for text in texts)


SENTENCES: Final[tuple[Sentence, ...]] = (
    *_tell(
        "ADM",
        "Veines difficiles, piquer main gauche",
        "Prévenir avant de passer, chien méchant",
        "Préfère être appelé le soir",
        "Carte vitale à revoir",
        "Règlement en attente, relance faite",
        "Résultats à envoyer au médecin ET à la patiente",
        "Malentendant, parler fort",
        "Prélèvement à domicile, 2e étage sans ascenseur",
        "NE PAS LAISSER DE MESSAGE SUR LE FIXE",
        "Fait souvent des malaises, allonger",
        "Tutelle : contacter l'UDAF",
        "Mutuelle changée au 01/01",
        "patiente agressive au guichet",
    ),
    *_tell(
        "H",
        "Diabétique sous insuline",
        "Sous AVK (Previscan), INR tous les 15 j",
        "allergique au latex",
        "dialysé lundi mercredi vendredi",
        "Traitement : Levothyrox 75",
        "greffé rénal, sous Advagraf",
        "Anticoagulant en cours, comprimer longtemps",
        "HTA + cholestérol",
        "traitemnt en cours : metformine 1000 x3",
        "Cirrhose non alcoolique",
        "asthme, Ventoline",
    ),
    *_tell(
        "HIV",
        "Séropositif VIH depuis 2009, suivi CHU",
        "HIV +, ne rien dire au conjoint",
        "sous trithérapie (Biktarvy)",
        "VIH neg en 2016",
        "Pas de VIH connu",
        "suivi infectio pour V.I.H",
        "sérologie vih faite à la demande du patient, résultat à remettre en main propre",
        "seropo, mettre double gants",
        "PrEP Truvada, contrôle tous les 3 mois",
        "patient HIV négatif mais inquiet",
        "charge virale indetectable",
    ),
    *_tell(
        "STI",
        "Syphilis traitée en 2017",
        "chlamidia + en mars, partenaire à traiter",
        "hépatite C guérie sous Epclusa",
        "porteur chronique Ag HBs",
        "Pas d'IST retrouvée",
        "gonocoque, résultat à ne PAS envoyer à la maison",
        "condylomes, suivi CeGIDD",
    ),
    *_tell(
        "PREG",
        "Enceinte de 12 SA",
        "grossesse en cours, toxo négative",
        "IVG en 2018, ne pas en parler au mari",
        "FMI : parcours PMA, 3e FIV",
        "n'est plus enceinte (fausse couche)",
        "Pas de grossesse en cours",
        "grossese gémellaire, terme en juin",
        "mineure enceinte, parents non informés",
        "Donneuse d'ovocytes",
    ),
    *_tell(
        "ONC",
        "Cancer du sein 2014, en rémission",
        "K prostate, hormonothérapie",
        "chimio tous les 21 jours, NFS la veille",
        "Leucémie (LLC) surveillée",
        "cancèr colon opéré",
        "Pas de récidive du lymphome",
        "ne sait pas qu'il a un cancer",
        "soins palliatifs",
        "sous Tamoxifène",
    ),
    *_tell(
        "GEN",
        "Facteur V Leiden hétérozygote",
        "soeur porteuse BRCA1, test proposé",
        "hémochromatose génétique C282Y, saignées",
        "trisomie 21",
        "refuse de connaître le résultat génétique",
        "Conductrice mucoviscidose",
        "pas de mutation retrouvée (Huntington)",
    ),
    *_tell(
        "TOX",
        "Éthylisme chronique",
        "sous Subutex",
        "ancien toxicomane, abord veineux difficile",
        "alcool : nie",
        "Méthadone 60 mg",
        "contrôle stupéfiants demandé par l'employeur",
        "sevré depuis 2 ans",
    ),
    *_tell(
        "PSY",
        "Schizophrénie, sous clozapine (NFS hebdo)",
        "dépression sévère, TS en 2015",
        "bipolaire sous lithium",
        "hospitalisé en psy (HDT)",
        "anorexie mentale",
        "Pas d'antécédent psychiatrique",
        "phobie des aiguilles",
    ),
)
"""Every sentence on its own, with what it tells: the answer sheet of a scanner."""

_BEFORE: Final = ("", "", "Attention : ", "NB ", "le 12/03 : ", "Note secrétariat - ", "!! ")
_AFTER: Final = (
    "",
    "",
    ".",
    " (vu avec le biologiste)",
    " -- à revoir",
    "\nRappeler la semaine prochaine",
    " ; voir dossier papier",
)


def _written(sentences: tuple[Sentence, ...]) -> list[str]:
    return [before + sentence.text + after for before, sentence, after in product(_BEFORE, sentences, _AFTER)]


FIRST: Final = _written(SENTENCES)
"""What the first comment column may hold."""

SECOND: Final = [
    f"{first.text} ; {second.text}"
    for rank, first in enumerate(SENTENCES)
    for second in SENTENCES[rank % 7 :: 7]
    if first != second
]
"""What the second comment column may hold: two things at once."""

CLINICAL: Final = [
    "bilan annuel",
    "Asthénie",
    "contrôle",
    "Fièvre depuis 3 j",
    "bilan pré-op",
    "Suivi HTA",
    "dlr abdominale",
    "Suspicion de grossesse",
    "bilan de grossesse, 2e trimestre",
    "Rapport non protégé il y a 6 semaines",
    "AES, sérologies à J0",
    "Suivi VIH",
    "dépistage VIH avant PMA",
    "surveillance chimio J8",
    "recherche BRCA, ATCD familiaux",
    "sous lithium, contrôle",
    "suivi addicto",
    "AEG, perte de poids",
    "embauche",
    "contrôle AVK",
    "bilan thrombophilie avant pilule",
    "Infertilité du couple",
    "Brûlures mictionnelles",
    "suspicion d'embolie pulmonaire",
]
"""What the prescriber wrote on the request."""

RESULT_REMARKS: Final = [
    "Contrôlé",
    "Sérum hémolysé",
    "Résultat téléphoné au médecin",
    "À contrôler sur un nouveau prélèvement",
    "Prélèvement insuffisant",
    "Confirmation sérologique VIH en cours",
    "Compatible avec une grossesse débutante",
    "À confronter à la clinique",
    "Échantillon transmis à un laboratoire spécialisé",
    "Valeur vérifiée après dilution",
]
"""What the laboratory adds to a result."""
