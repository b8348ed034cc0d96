"""Whether the agreement covers what the instruction asks for: every category of data taken is one that the parties wrote down.

Decides on categories only. That the agreement is in force is its own check; that the instruction stands under this one is `authority`'s.
Source: GDPR Art. 28(3), first subparagraph: the contract sets out the type of personal data.
"""

from __future__ import annotations

from ecluse.base.refusal import Refusal
from ecluse.terms.agreement import Agreement
from ecluse.terms.instruction.content import Instruction
from ecluse.terms.vocabulary import Vocabulary

__all__ = ["check_covered"]


def check_covered(instruction: Instruction, *, agreement: Agreement, vocabulary: Vocabulary) -> None:
    """Raise Refusal `instruction/not-covered` if a category taken or named is not among the agreement's types of data."""
    taken = {category for path in instruction.fields for category in vocabulary.field(path).categories}
    asked = taken | instruction.categories
    beyond = [category for category in vocabulary.categories if category in asked - agreement.data_types]
    if beyond:
        raise Refusal("instruction/not-covered", where=instruction.id, got=", ".join(beyond))
