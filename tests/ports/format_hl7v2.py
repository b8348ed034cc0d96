"""HL7 v2 in the contract suite of formats: a unit is a line that is not empty, CR, LF, VT and FS all ending one."""

from __future__ import annotations

import re
from io import RawIOBase

from ecluse.adapters.connectors.hl7.format import Hl7v2
from tests.ports.formats import Described, Repeat

ORU = b"""\
MSH|^~\\&|SIL|01|PFI|X|20240115083000||ORU^R01^ORU_R01|77|P|2.5|||||FRA|UNICODE UTF-8
SFT|x
PID|1||P1^^^^PI~299997511200170^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS||DURAND^ANNE^ANNE MARIE^^^^L||19790328|F
PV1|1|I
ORC|SC|A1^Nephro|D1
OBR|1|A1^Nephro|D1|GLY^GLYCEMIE||||||||||||10001234567^MARTIN^ANNE|||||||||F
OBX|1|NM|GLU^GLUCOSE||5.4|mmol/L|3.9-6.1|N|||F
NTE|1||A JEUN
OBX|2|TX|COM||suite
de la ligne
OBX|3|ED|CR^CR||^AP^PDF^Base64^JVBERg==||||||F
OBX|4|CE|INVISIBLE_PATIENT^Non visible^MetaDMPMSS||Y||||||F
OBX|5|CE|DESTDMP^DMP^MetaDMPMSS||Y||||||F
PRT||UC||REPLY
OBX|6|RP|CR||x
SPM|1|^E1||^SANG|||||||||||||20240115073000
ZZZ|x
?? no segment
""".replace(b"\n", b"\r")
"""One message by hand: a person, an order, results, a document with its flags, a broken line, and things the vocabulary has no word for."""

ADT = b"""\
MSH|^~\\&|GAM|01|||20240115||ADT^A40|78|P|2.3
EVN|A40
PID|1||P1||DURAND^ANNE
MRG|P0
""".replace(b"\n", b"\r\n")
BATCH = b"FHS|^~\\&\rBHS|^~\\&\r" + ORU + b"\x0b" + ADT + b"\x1c\r" + b"BTS|2\rFTS|1\r"
WRONG = (
    b"BHS|^~\\&\r"
    + ORU
    + b"BTS|3\r"
    + b"hello\n\nMSH|^~\\&|A|B|||||VXU^V04|1|P|2.5\rPID|||1\rMSH|^~\\&|A|B|||||ORU^R01|2|P|9.9\rPID|||1\r"
)


def _units(octets: bytes) -> int:
    for mark, codec in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if octets.startswith((mark, "MSH".encode(codec), "FHS".encode(codec), "BHS".encode(codec))):
            octets = octets.decode(codec, "replace").encode()
    return sum(bool(line) for line in re.split(rb"[\r\n\x0b\x1c]+", octets))


def _repeated(times: int) -> RawIOBase:
    def message(number: int) -> bytes:
        return f"MSH|^~\\&|SIL|01|||20240115||ADT^A28|{number}|P|2.5\rPID|||{number}||DURAND^ANNE\r".encode()

    return Repeat(message, times)


DESCRIBED = Described(
    name="hl7v2",
    format=Hl7v2,
    units=_units,
    samples=(
        ORU, ADT, BATCH, WRONG, ORU.replace(b"|", b"!").replace(b"^~\\&", b"$%@#"), ORU.decode().encode("utf-16"),
        ORU.replace(b"UNICODE UTF-8", b"8859/1"), ORU.replace(b"UNICODE UTF-8", b"JIS X 9999"), b"\xef\xbb\xbf" + ORU,
    ),
    repeated=_repeated,
)  # fmt: skip
