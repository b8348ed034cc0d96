"""The agreement (« contrat de sous-traitance », GDPR Art. 28): its mentions, what each must say, and what a complete one is.

`mentions` is the table, `likeness` tells a text of one's own from a copy of the law, `judgement` judges one mention, `contract` the whole document,
`template` writes an empty one. Who signed it is proof's; who may sign it is people's.
"""

from ecluse.terms.agreement.contract import (
    Agreement,
    AgreementCheck,
    OtherProcessor,
    Party,
    check,
    check_signers,
    parse,
)
from ecluse.terms.agreement.judgement import Finding, Remark, Verdict
from ecluse.terms.agreement.mentions import GROUPS, MENTIONS, Group, Mention
from ecluse.terms.agreement.template import template

__all__ = [
    "GROUPS",
    "MENTIONS",
    "Agreement",
    "AgreementCheck",
    "Finding",
    "Group",
    "Mention",
    "OtherProcessor",
    "Party",
    "Remark",
    "Verdict",
    "check",
    "check_signers",
    "parse",
    "template",
]
