"""Where each field of the vocabulary stands in HL7 v2: the table that the reader runs, and that a person can read.

`PID-5.2` is the second component of the fifth field; `A | B` is A, else B. `> word` names how the text is read (the functions of `READINGS`, in the
modules beside this one); without it the text is taken as it stands, escapes read. Decides places only.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "ADDRESSED", "FIELDS", "INSTANCE", "OBSERVED", "ORDER_CONTROL", "ORDER_STATUS", "REQUEST_STATUS", "RESULT_STATUS", "SEGMENTS", "STRICTNESS", "TYPES",
]  # fmt: skip

FIELDS: Final[dict[str, dict[str, str]]] = {
    "prescriber": {  # from an XCN: OBR-16, ORC-12, PV1-8, PV1-7, PD1-4
        "id": "XCN-1, with its authority (XCN-9); the RPPS number where there is no other; else the name",
        "rpps": "XCN-1 of the repetition whose type (XCN-13) is RPPS, or whose authority is 1.2.250.1.71.4.2.1",
        "family_name": "XCN-2.1",
        "given_names": "XCN-3",
        "phone": "OBR-17 | ORC-14",
        "address": "ORC-24.1",
        "postcode": "ORC-24.5",
        "city": "ORC-24.3",
        "specialty": "PRA-5 of a staff file (MFN^M02)",
    },
    "patient": {
        "id": "PID-3 > number | PID-2 > number | PID-4 > number",
        "birth_name": "PID-5 > birth_name",
        "used_name": "PID-5 > used_name",
        "given_names": "PID-5 > given_names",
        "sex": "PID-8.1",
        "birth_date": "PID-7.1 > date",
        "birth_place": "PID-11 > birth_place | PID-23 > commune",
        "death_date": "PID-29.1 > date",
        "ins": "PID-3 > ins",
        "ins_oid": "PID-3 > ins_oid",
        "ins_status": "PID-32 > ins_status",
        "nss": "PID-3 > nss | PID-19",
        "address": "PID-11 > street",
        "postcode": "PID-11 > postcode",
        "city": "PID-11 > city",
        "phone": "PID-13 > phone | PID-14 > phone",
        "mobile": "PID-13 > mobile | PID-14 > mobile",
        "email": "PID-13 > email | PID-14 > email",
    },  # besides: doctor PD1-4, merged_into MRG-1, comment the NTE that follow the PID
    "request": {
        "urgent": "OBR-5 > urgent | OBR-27 > urgent6",
        "clinical_info": "OBR-13 > lines | OBR-31 > coded",
        "time": "OBR-6.1 > moment",
        "status": "OBR-25 > request_status",
    },  # besides: id OBR-3 | ORC-3 | OBR-2 | ORC-2, time ORC-9 | OBR-7 | OBR-22, site MSH-4, status ORC-5 | ORC-1, urgent TQ1-9 | ORC-7.6, NTE
    "specimen": {
        "type": "SPM-4 > coded",
        "collected_at": "SPM-17.1 > moment",
        "received_at": "SPM-18.1 > moment",
    },  # besides: id SPM-2.2 | SPM-2.1; where there is no SPM, type OBR-15, collected_at OBR-7, received_at OBR-14
    "result": {
        "code": "OBX-3.1 | OBX-3.4",
        "label": "OBX-3.2 | OBX-3.5 | OBX-3.9",
        "value": "OBX-5 > value",
        "unit": "OBX-6.1 | OBX-6.2",
        "range_low": "OBX-7 > range_low",
        "range_high": "OBX-7 > range_high",
        "flag": "OBX-8 > flags",
        "status": "OBX-11 > result_status",
        "validator": "OBX-16 > person",
        "validated_at": "OBX-19.1 > moment",
    },  # besides: validated_at OBR-22, status OBR-25, comment the NTE that follow the OBX, visibility the MetaDMPMSS OBX of its group
    "document": {
        "media_type": "OBX-5 > media_type",
        "content": "OBX-5 > content",
        "signatory": "OBX-16 > person | OBR-32 > principal",
        "signed_at": "OBX-19.1 > moment | OBX-14.1 > moment",
    },  # besides: id TXA-12, signatory and signed_at TXA-22, signed_at OBR-22
    "invoice": {
        "act": "FT1-25.1 | FT1-7.1",
        "quantity": "FT1-10",
        "amount": "FT1-11 > amount | FT1-12 > amount",
        "payer": "FT1-14.1",
    },  # besides: id FT1-2
}
"""Kind to field to place. An isolate is the OBX that OBR-26 points to; a susceptibility an OBX of that OBR whose OBX-8 is S, I or R."""

RESULT_STATUS: Final = {
    "F": "validated", "U": "validated", "C": "corrected", "P": "entered", "R": "entered", "S": "entered", "B": "entered", "I": "ordered",
    "O": "ordered", "X": "cancelled", "N": "cancelled", "W": "cancelled",
}  # fmt: skip
"""OBX-11 (table 0085). D is no status: the record is gone. What is not here is left raw."""

REQUEST_STATUS: Final = {
    "O": "open", "I": "open", "S": "open", "P": "open", "A": "open", "R": "open", "F": "validated", "C": "validated", "M": "validated",
    "X": "cancelled",
}  # fmt: skip
"""OBR-25 (table 0123)."""
ORDER_STATUS: Final = {
    "CM": "closed", "CA": "cancelled", "DC": "cancelled", "SC": "open", "IP": "open", "HD": "open", "A": "open",
}  # fmt: skip
"""ORC-5 (table 0038)."""
ORDER_CONTROL: Final = {
    "NW": "open",
    "CA": "cancelled",
    "OC": "cancelled",
    "DC": "cancelled",
    "OD": "cancelled",
}
"""ORC-1 (table 0119)."""

OBSERVED: Final = {
    "MASQUE_PS": "secret", "CONNEXION_SECRETE": "secret", "INVISIBLE_PATIENT": "hidden", "INVISIBLE_REP_LEGAUX": "hidden-from-guardians",
    "INVISIBLE_REPRESENTANTS_LEGAUX": "hidden-from-guardians",
}  # fmt: skip
"""The visibility that each OBX of the French set MetaDMPMSS asks for, unless it says N; the strictest of them counts."""
STRICTNESS: Final = ("visible", "hidden-from-guardians", "hidden", "secret")
ADDRESSED: Final = frozenset({
    "DESTDMP", "DESTMSSANTEPS", "DESTMSSANTEPAT", "CORPSMAIL_PS", "CORPSMAIL_PAT", "MODIF_CONF_CODE", "MODIF_CONFIDENTIALITYCODE", "COMP_LOT",
    "ACK_RECEPTION", "ACK_LECTURE_MSS",
})  # fmt: skip
"""What else that set says: to whom the document was sent. It is no result, and the vocabulary has no word for it."""

TYPES: Final = {
    ("TEXT", "XML"): "text/xml", ("TEXT", "HTML"): "text/html", ("TEXT", "RTF"): "text/rtf", ("TEXT", "PLAIN"): "text/plain", ("TEXT", ""): "text/plain",
    ("TEXT", "X-HL7-CDA-LEVEL-ONE"): "text/xml", ("IM", "JPEG"): "image/jpeg", ("IM", "PNG"): "image/png", ("IM", "TIFF"): "image/tiff",
    ("IM", "GIF"): "image/gif", ("AP", "PDF"): "application/pdf", ("APPLICATION", "PDF"): "application/pdf", ("", "PDF"): "application/pdf",
    ("FT", ""): "text/plain", ("AU", "BASIC"): "audio/basic", ("IM", "PDF"): "application/pdf", ("TEXT", "PDF"): "application/pdf",
}  # fmt: skip
"""ED-2 and ED-3 (tables 0191 and 0291) to media type; others are put together from the two words."""

INSTANCE: Final = "ECLUSE"
"""Our own mark: MSH-3 of what we write, and the authority of the ids that we put in OBX-21."""

SEGMENTS: Final = frozenset(
    """
    ABS ACC ADD ADJ AFF AIG AIL AIP AIS AL1 APR ARQ ARV AUT BHS BLC BLG BPO BPX BTS BTX BUI CDM CDO CER CM0 CM1 CM2 CNS CON CSP CSR CSS CTD
    CTI CTR DB1 DEV DG1 DMI DON DPS DRG DSC DSP DST ECD ECR EDU EQL EQP EQU ERQ ERR EVN FAC FHS FT1 FTS GOL GP1 GP2 GT1 IAM IAR IIM ILT IN1
    IN2 IN3 INV IPC IPR ISD ITM IVC IVT LAN LCC LCH LDP LOC LRL MCP MFA MFE MFI MRG MSA MSH NCK NDS NK1 NPU NSC NST NTE OBR OBX ODS ODT OH1
    OH2 OH3 OH4 OM1 OM2 OM3 OM4 OM5 OM6 OM7 OMC ORC ORG OVR PAC PCE PCR PD1 PDA PDC PEO PES PID PKG PM1 PMT PR1 PRA PRB PRC PRD PRT PSG PSH
    PSL PSS PTH PV1 PV2 PYE QAK QID QPD QRD QRF QRI RCP RDF RDT REL RF1 RFI RGS RMI ROL RQ1 RQD RXA RXC RXD RXE RXG RXO RXR RXV SAC SCD SCH
    SCP SDD SFT SGH SGT SHP SID SLT SPM SPR STF STZ TCC TCD TQ1 TQ2 TXA UAC UB1 UB2 URD URS VAR VND VTQ
    """.split()  # noqa: SIM905 - a table of names, one beside the other
)
"""Segments that the standard names, and so a count may; a name that begins with Z is of its sender's making."""
