"""CDA reports among the formats of the contract suite."""

from __future__ import annotations

import re

from ecluse.adapters.connectors.cda.format import Cda
from tests.containers import cda, plain_report
from tests.ports.formats import Described

NOT_TAGS = re.compile(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>", re.DOTALL)


def units(octets: bytes) -> int:
    """One for the file, and one for each sign that an element begins, outside comments."""
    if not octets:
        return 0
    text = NOT_TAGS.sub(b"", octets)
    return 1 + sum(
        text[place + 1 : place + 2].isalpha()
        or text[place + 1 : place + 2] in (b"_", b":")
        or text[place + 1 : place + 2] >= b"\x80"
        for place in range(len(text) - 1)
        if text[place : place + 1] == b"<"
    )


MICROBIOLOGY = """<component><section><code code="18725-2" codeSystem="2.16.840.1.113883.6.1"/><text><content ID="amx">Amoxicilline</content></text>
<entry><act classCode="ACT" moodCode="EVN"><code code="18725-2" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/>
<participant typeCode="AUTHEN"><time><high value="202101041120+0100"/></time><participantRole><id root="1.2" extension="V1"/></participantRole></participant>
<entryRelationship typeCode="COMP"><procedure classCode="PROC" moodCode="EVN"><code code="5201" codeSystem="1.2.250.1.213.2.7" displayName="ECBU"/>
<effectiveTime><high value="202101040735+0100"/></effectiveTime><participant typeCode="PRD"><participantRole classCode="SPEC"><id root="1.2.3" extension="E1"/>
<playingEntity><code code="UR" displayName="Urine"/></playingEntity></participantRole></participant></procedure></entryRelationship>
<entryRelationship typeCode="COMP"><organizer classCode="CLUSTER" moodCode="EVN"><statusCode code="completed"/><specimen typeCode="SPC">
<specimenRole><id root="6E281244-000B-4ACB-9ED8-0826543A9694"/><specimenPlayingEntity classCode="MIC"><code code="112283007" displayName="Escherichia coli"/>
</specimenPlayingEntity></specimenRole></specimen><component><observation classCode="OBS" moodCode="EVN"><code code="51480-2"/>
<value xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="PQ" value="100000" unit="/mL"/></observation></component>
<component><organizer classCode="BATTERY" moodCode="EVN"><code code="18769-0"/><component><observation classCode="OBS" moodCode="EVN">
<code code="20-8"><originalText><reference value="#amx"/></originalText></code><value xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="IVL_PQ">
<low value="0.5" unit="ug/mL" inclusive="true"/></value><interpretationCode code="R"/></observation></component></organizer></component>
</organizer></entryRelationship></act></entry></section></component>"""

SAMPLES = (
    cda(inside=plain_report()),
    cda(beside=MICROBIOLOGY),
    cda().replace(b"recordTarget", b"informant"),
    b"<?xml version='1.0'?><a xmlns='urn:x'><b/></a>",
    b"<records xmlns='urn:ecluse:records:1'><record kind='patient' id='P1'><field name='birth_name'>MARTIN</field></record></records>",
)

DESCRIBED = Described(name="cda", format=Cda, units=units, samples=SAMPLES)
