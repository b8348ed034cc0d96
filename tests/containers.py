"""Invented documents that hold one marker for each thing a person could be told by, so that a test can look for every one of them."""

from __future__ import annotations

import base64
from typing import Final

from ecluse.invent.documents import pdf

__all__ = ["ALL", "IDENTITY", "MARKERS", "cda", "packed", "plain_report", "telling_report"]

from ecluse.terms.vocabulary import vocabulary

ALL: Final = frozenset(field.path for kind in vocabulary().kinds.values() for field in kind.fields.values())
IDENTITY: Final = frozenset(
    {"patient.id", "patient.birth_name", "patient.given_names", "patient.sex", "patient.birth_date"}
)
"""What a small instruction names of a patient."""

MARKERS: Final = {
    "patient.id": "IPPMARK77",
    "patient.birth_name": "NAISSANCEMARK",
    "patient.used_name": "USAGEMARK",
    "patient.given_names": "PRENOMMARK",
    "patient.birth_date": "19790328",
    "patient.birth_place": "63220",
    "patient.ins": "279035121518989",
    "patient.address": "RUEMARK",
    "patient.postcode": "56009",
    "patient.city": "VILLEMARK",
    "patient.phone": "0297000001",
    "patient.mobile": "0600000002",
    "patient.email": "patiente.mark@example.fr",
    "prescriber.rpps": "810000000017",
    "prescriber.family_name": "PRESCRIPTEURMARK",
    "prescriber.address": "CABINETMARK",
    "prescriber.phone": "0297000003",
    "document.signatory": "BIOLOGISTEMARK",
    "result.validator": "VALIDEURMARK",
    "result.comment": "COMMENTAIREMARK",
    "request.clinical_info": "CLINIQUEMARK",
}
"""By field, a value that stands in `cda` and only there."""
NOBODY: Final = ("TUTRICEMARK", "PRELEVEUSEMARK", "LABRUEMARK", "0297000009", "FOETUSMARK", "MEDECINMARK")
"""Values of people and places that no field of the vocabulary holds, or only with others."""


def plain_report() -> bytes:
    """A report that shows a name and results, and nothing by which to reach anybody."""
    return pdf(
        ["Laboratoire Inventé - compte rendu de la demande D1", "Le patient : A B", "Sodium : 140 mmol/L"]
    )


def telling_report() -> bytes:
    """A report that shows an address and a NIR."""
    return pdf(
        ["Laboratoire Inventé - le patient A B", "NIR 279035121518989", "12 rue du Lavoir", "56000 Vannes"]
    )


def packed(content: bytes) -> bytes:
    """Base64 in lines of 76."""
    return base64.encodebytes(content)


def cda(
    *,
    inside: bytes = b"",
    narrative: str = "Sodium 140 mmol/L",
    title: str = "Compte rendu",
    beside: str = "",
) -> bytes:
    """A level 3 report (CR-BIO) with every marker. `inside`: a file in it; `narrative`, `title`, `beside` (after the results): as they are."""
    m = MARKERS
    media = (
        f"""<entry><organizer classCode="CLUSTER" moodCode="EVN"><component><observationMedia classCode="OBS" moodCode="EVN" ID="doc-1">
        <value mediaType="application/pdf" representation="B64">{base64.b64encode(inside).decode()}</value></observationMedia></component></organizer></entry>"""
        if inside
        else ""
    )
    lab = """<representedOrganization><id root="1.2.250.1.71.4.2.2" extension="1560000017"/><name>Laboratoire Inventé</name>
        <telecom value="tel:0297000009"/><addr><streetName>LABRUEMARK</streetName></addr></representedOrganization>"""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<?xml-stylesheet type="text/xsl" href="cda.xsl"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:lab="urn:oid:1.3.6.1.4.1.19376.1.3.2" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <realmCode code="FR"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <templateId root="1.2.250.1.213.1.1.1.55"/><id root="1.2.250.1.213.1.1.1.55.9.1"/>
  <code code="11502-2" codeSystem="2.16.840.1.113883.6.1"/><title>{title}</title>
  <effectiveTime value="20210401171000+0100"/><confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="fr-FR"/>
  <setId root="1.2.250.1.213.1.1.1.55.9"/><versionNumber value="1"/>
  <recordTarget><patientRole>
    <id extension="{m["patient.ins"]}" root="1.2.250.1.213.1.4.10"/><id extension="{m["patient.id"]}" root="1.2.3.4.567"/>
    <addr use="H"><houseNumber>12</houseNumber><streetName>{m["patient.address"]}</streetName><postalCode>{m["patient.postcode"]}</postalCode>
      <city>{m["patient.city"]}</city></addr>
    <telecom value="tel:{m["patient.phone"]}" use="H"/><telecom value="tel:{m["patient.mobile"]}" use="MC"/>
    <telecom value="mailto:{m["patient.email"]}"/><telecom value="mailto:{m["patient.ins"]}@patient.mssante.fr"/>
    <patient><name><family qualifier="BR">{m["patient.birth_name"]}</family><given>{m["patient.given_names"]}</given>
        <family qualifier="CL">{m["patient.used_name"]}</family></name>
      <administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/><birthTime value="{m["patient.birth_date"]}"/>
      <guardian><addr><city>ailleurs</city></addr><guardianPerson><name><family>TUTRICEMARK</family></name></guardianPerson></guardian>
      <birthplace><place><addr><county>{m["patient.birth_place"]}</county></addr></place></birthplace></patient>
  </patientRole></recordTarget>
  <author><time value="20210401"/><assignedAuthor><id root="1.2.250.1.71.4.2.1" extension="810000000025"/>
    <assignedPerson><name><family>{m["document.signatory"]}</family></name></assignedPerson>{lab}</assignedAuthor></author>
  <custodian><assignedCustodian><representedCustodianOrganization><id root="1.2.250.1.71.4.2.2" extension="1560000017"/>
    <name>Laboratoire Inventé</name><telecom value="tel:0297000009"/></representedCustodianOrganization></assignedCustodian></custodian>
  <legalAuthenticator><time value="20210401"/><signatureCode code="S"/><assignedEntity><id root="1.2.250.1.71.4.2.1" extension="810000000025"/>
    <assignedPerson><name><family>{m["document.signatory"]}</family></name></assignedPerson>{lab}</assignedEntity></legalAuthenticator>
  <participant typeCode="REF"><associatedEntity classCode="PROV"><id root="1.2.250.1.71.4.2.1" extension="{m["prescriber.rpps"]}"/>
    <addr><streetName>{m["prescriber.address"]}</streetName></addr><telecom value="tel:{m["prescriber.phone"]}"/>
    <associatedPerson><name><family>{m["prescriber.family_name"]}</family><given>Lou</given></name></associatedPerson></associatedEntity></participant>
  <participant typeCode="PRF"><associatedEntity classCode="PROV"><associatedPerson><name><family>PRELEVEUSEMARK</family></name></associatedPerson>
    </associatedEntity></participant>
  <participant typeCode="INF"><functionCode code="PCP" codeSystem="2.16.840.1.113883.5.88"/><associatedEntity classCode="PROV">
    <associatedPerson><name><family>MEDECINMARK</family></name></associatedPerson></associatedEntity></participant>
  <inFulfillmentOf><order><id root="1.2.3" extension="D1"/></order></inFulfillmentOf>
  <documentationOf><serviceEvent><code code="18719-5" codeSystem="2.16.840.1.113883.6.1"/><lab:statusCode code="completed"/>
    <performer typeCode="PRF"><assignedEntity>{lab}</assignedEntity></performer></serviceEvent></documentationOf>
  <component><structuredBody><component><section><code code="18719-5" codeSystem="2.16.840.1.113883.6.1"/><title>BIOCHIMIE</title>
    <text>{narrative}</text>
    <entry><act classCode="ACT" moodCode="EVN"><code code="18719-5" codeSystem="2.16.840.1.113883.6.1"/>
      <entryRelationship typeCode="COMP"><observation classCode="OBS" moodCode="EVN"><code code="2951-2" codeSystem="2.16.840.1.113883.6.1"
          displayName="Sodium"><translation code="NA" codeSystem="1.2.3.9"/></code>
        <statusCode code="completed"/><value xsi:type="PQ" value="140" unit="mmol/L"/>
        <performer><assignedEntity><id root="1.2.250.1.71.4.2.1" extension="810000000033"/><assignedPerson><name>
          <family>{m["result.validator"]}</family></name></assignedPerson></assignedEntity></performer>
        <subject><relatedSubject><subject><name><family>FOETUSMARK</family></name></subject></relatedSubject></subject>
      </observation></entryRelationship></act></entry>{media}</section></component>
    <component><section><code code="18725-2" codeSystem="2.16.840.1.113883.6.1"/><text>{m["result.comment"]}</text>
      <entry><act classCode="ACT" moodCode="EVN"><code code="48767-8" codeSystem="2.16.840.1.113883.6.1"/><text>{m["result.comment"]}</text></act></entry>
    </section></component>
    <component><section><code code="55752-0" codeSystem="2.16.840.1.113883.6.1"/><text>{m["request.clinical_info"]}</text></section></component>{beside}
  </structuredBody></component>
</ClinicalDocument>""".encode()
