"""Names and numbers of CDA R2 and of its French laboratory profile: namespaces, tables, LOINC codes, element names.

Decides nothing. Sources: HL7 CDA R2; IHE PaLM XD-LAB; CI-SIS, volet CR-BIO 2024.01 (ANS).
"""

from __future__ import annotations

import uuid
from typing import Final

V3: Final = "urn:hl7-org:v3"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
SDTC: Final = "urn:hl7-org:sdtc"
LAB: Final = "urn:oid:1.3.6.1.4.1.19376.1.3.2"
OURS: Final = "urn:ecluse:records:1"
"""The namespace of what CDA has no place for (HL7 CDA R2, 1.4: a receiver ignores elements of namespaces it does not know)."""

LOINC: Final = "2.16.840.1.113883.6.1"
PROFESSIONAL: Final = "1.2.250.1.71.4.2.1"
"""OID of the national identifiers of professionals; an RPPS number is written after the figure 8."""
ORGANISATION: Final = "1.2.250.1.71.4.2.2"

_ARC: Final = f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, OURS).int}"
"""Below it stand the identifiers of a laboratory that has no OID of its own (ITU-T X.667: an arc made of a UUID)."""
ROOTS: Final = {
    kind: f"{_ARC}.{place}"
    for place, kind in enumerate(
        (
            "document",
            "prescriber",
            "patient",
            "request",
            "specimen",
            "result",
            "isolate",
            "susceptibility",
            "site",
        ),
        start=1,
    )
}

REPORT: Final = "11502-2"
COPY: Final = "55108-5"
COMMENT: Final = "48767-8"
CLINICAL: Final = "55752-0"
CLINICAL_SECTIONS: Final = frozenset({CLINICAL, "29299-5", "42349-1", "10164-2", "11329-0", "46241-6"})
ANTIBIOGRAM: Final = "18769-0"
ATTACHED: Final = frozenset({"69764-9", "55107-7"})
"""Observations that say what an attached document is."""
RECEIVED: Final = "SPRECEIVE"

TEMPLATES: Final = (
    "2.16.840.1.113883.2.8.2.1",
    "1.2.250.1.213.1.1.1.1",
    "1.3.6.1.4.1.19376.1.3.3",
    "1.2.250.1.213.1.1.1.55",
)
"""HL7 France, CI-SIS minimal structure, IHE PaLM XD-LAB, CR-BIO."""

KNOWN: Final = frozenset(
    """ClinicalDocument realmCode typeId templateId id code title effectiveTime confidentialityCode languageCode setId versionNumber recordTarget
    patientRole addr houseNumber streetName streetNameType streetAddressLine additionalLocator unitID postBox precinct postalCode city country
    county state telecom patient name family given prefix suffix administrativeGenderCode birthTime deceasedTime deceasedInd guardian
    guardianPerson birthplace place author time assignedAuthor assignedPerson representedOrganization custodian assignedCustodian
    representedCustodianOrganization informant informationRecipient intendedRecipient receivedOrganization legalAuthenticator authenticator
    signatureCode assignedEntity participant functionCode associatedEntity associatedPerson scopingOrganization standardIndustryClassCode
    inFulfillmentOf order priorityCode documentationOf serviceEvent statusCode low high center performer relatedDocument parentDocument
    componentOf encompassingEncounter responsibleParty location healthCareFacility component structuredBody nonXMLBody section text entry act
    observation organizer procedure entryRelationship value interpretationCode methodCode referenceRange observationRange originalText
    reference translation qualifier participantRole playingEntity playingDevice specimen specimenRole specimenPlayingEntity observationMedia
    table thead tbody tfoot tr td th content br paragraph list item caption renderMultiMedia sub sup linkHtml subject relatedSubject
    targetSiteCode records record field""".split()  # noqa: SIM905 - a list of names reads better so
)
"""Names that a count may tell; any other is counted as "element": a name could be a value."""


def q(name: str, space: str = V3) -> str:
    """A name in its namespace, as lxml writes it."""
    return f"{{{space}}}{name}"
