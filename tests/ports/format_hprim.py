"""HPRIM Santé among the formats of the contract suite."""

from __future__ import annotations

import re
from io import RawIOBase

from ecluse.adapters.connectors.hprim.format import Hprim
from tests.ports.formats import Described, Repeat

BOM = b"\xef\xbb\xbf"
CONTROLS = bytes(range(0x20))


def units(octets: bytes) -> int:
    """Lines that hold something else than control characters."""
    return sum(bool(line.strip(CONTROLS)) for line in re.split(rb"[\r\n]", octets.removeprefix(BOM)))


def sent(
    *segments: str, head: str = "H|~^\\&|A.HPR|SECRET|1~LABO||ORU|||2~CLINIQUE||P|H2.4~C|202401150830"
) -> bytes:
    """A message of one's own making, ended as it should be."""
    return "\r\n".join([head, *segments, "L|1", ""]).encode("latin-1")


PATIENT = "P|1|IPP1|LAB1||PETIT~ANNE||19900102|F||1 RUE~~PARIS~~75012"
REQUEST = "OBR|1|T1~D1|E1~R1|GLU~Glucose~L|R||202401150800^20240114||||N|A jeun||||P1~MARTIN&JEANNE~L"
RESULT = "OBX|1|NM|GLU~Glucose~L||5.4|mmol/l|3.9 - 6.1|N|||F|||202401151000|BIO||V1~DR DUPONT~L"

SAMPLES = (
    sent(PATIENT, "AP|1|||||299997511200170", "AC|1|MUT", REQUEST, "C|1|P|Sous traitement", RESULT, "C|1|L|Un^deux", "OBX|2|FIC|X~Y~L||A~B~PDF"),
    sent(PATIENT, REQUEST, "OBX|1|TX|CR~Compte", "A| rendu~L||ligne 1^ligne 2||||||F", "XYZ|1|suite d'un texte", "", "C|1|L|perdu"),
    sent(RESULT, REQUEST, "P|2||||SANS~NUMERO", REQUEST, RESULT, PATIENT, RESULT, "FAC|1|1|R1|20240115", "ACT|1|B|30|1|30|||||0552^0563", "REG|1|9"),
    sent(PATIENT, REQUEST, "OBX|1|CE|GERME~Germe~L|1|ECO~E. coli~L||||||||||B~1~~~~K1", "OBX|2|ST|AMX~Amoxicilline~L||>8|||R|||F||||B~1~~~~K1"),
    sent("P|1|A~B~FU||", "P|2|C||", head="H!:+$*!M!SECRET!1!!ADM").replace(b"|", b"!").replace(b"~", b":"),
    b"du texte avant\r" + sent(PATIENT, REQUEST, RESULT).replace(b"\r\n", b"\r") + sent(PATIENT)[:-5] + sent("P|1", "ERR|1", "L|1||9|99"),
    BOM + sent(PATIENT, REQUEST, RESULT).replace(b"\r\n", b"\n") + b"\x1a" + sent(PATIENT, head="H|~^~&|A|SECRET|") + b"H||||||SECRET|\r\n",
    sent(PATIENT, "OBR|1|~D1||GLU~Glucose~L^NFS~~L|A|||||||C", head="H|^~&\\|A.HPR|SECRET|LABO||ORM||||||H2.0").replace(b"~", b"^"),
    sent(PATIENT, REQUEST, "OBX|1|PDF|CRMPDF~CR~L||JVBERi0=", "OBX|2|PDF|CRLPDF~CR~L||pas du base 64", "OBX|3|TX|T~Titre~L||."),
    sent(PATIENT, head="H|~^\\&|A.HPR|SECRET|LABO||ORU|||||T|H2.4"),
)  # fmt: skip


def _repeated(times: int) -> RawIOBase:
    return Repeat(lambda n: sent(PATIENT.replace("LAB1", f"LAB{n}"), REQUEST, RESULT), times)


DESCRIBED = Described(name="hprim", format=Hprim, units=units, samples=SAMPLES, repeated=_repeated)
