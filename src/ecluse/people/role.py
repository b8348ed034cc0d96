"""Roles and permissions (« rôles et habilitations »): one table, read by every door and printed in the manual.

Decides who may do what. Nobody may both order a migration and carry it out, nor load it and accept it: whoever orders is the
controller, whoever carries it out is the processor (GDPR Art. 28 and 29). It does not decide who a person is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

__all__ = ["INVITES", "ROLES", "Permission", "Role", "RoleDescription", "Side", "invites", "permissions"]

Side = Literal["controller", "processor", "outside"]


class Permission(StrEnum):
    """One thing that a person may be allowed to do (« habilitation »)."""

    SIGN_AGREEMENT = "sign_agreement"
    SIGN_INSTRUCTION = "sign_instruction"
    SIGN_CODES = "sign_codes"
    ACCEPT = "accept"
    EXTRACT = "extract"
    DEPOSIT = "deposit"
    LOAD = "load"
    RECONCILE = "reconcile"
    ERASE = "erase"
    REVOKE = "revoke"
    READ_LEDGER = "read_ledger"
    ENROL_MACHINE = "enrol_machine"
    END_ACCOUNT = "end_account"


class Role(StrEnum):
    """The quality in which a person acts. One person, one role."""

    BIOLOGIST = "biologist"
    SECOND_SIGNER = "second_signer"
    DPO = "dpo"
    REPRESENTATIVE = "representative"
    ENGINEER = "engineer"
    HOST = "host"
    INSPECTOR = "inspector"


@dataclass(frozen=True, slots=True)
class RoleDescription:
    """One line of the table: for whom the role acts, what it allows, and how it reads."""

    side: Side
    permissions: frozenset[Permission]
    label: dict[str, str]
    does: dict[str, str]


_P = Permission

ROLES: Final[dict[Role, RoleDescription]] = {
    Role.BIOLOGIST: RoleDescription(
        "controller",
        frozenset(
            {
                _P.SIGN_AGREEMENT,
                _P.SIGN_INSTRUCTION,
                _P.SIGN_CODES,
                _P.ACCEPT,
                _P.ERASE,
                _P.REVOKE,
                _P.READ_LEDGER,
                _P.ENROL_MACHINE,
                _P.END_ACCOUNT,
            }
        ),
        {"fr": "biologiste responsable", "en": "head biologist"},
        {
            "fr": "Signe le contrat et l'instruction, classe les codes d'analyse, accepte ou refuse le résultat de la reprise.",
            "en": "Signs the agreement and the instruction, classifies test codes, accepts or refuses what was carried.",
        },
    ),
    Role.SECOND_SIGNER: RoleDescription(
        "controller",
        frozenset({_P.SIGN_INSTRUCTION, _P.REVOKE, _P.READ_LEDGER}),
        {"fr": "second signataire", "en": "second signer"},
        {
            "fr": "Signe aussi l'instruction quand elle nomme des données particulières, du texte libre ou des documents.",
            "en": "Also signs the instruction when it names special categories, free text or documents.",
        },
    ),
    Role.DPO: RoleDescription(
        "controller",
        frozenset({_P.REVOKE, _P.READ_LEDGER, _P.END_ACCOUNT}),
        {"fr": "délégué à la protection des données", "en": "data protection officer"},
        {
            "fr": "Lit tout le journal, peut arrêter une reprise en révoquant l'instruction ; n'ordonne rien.",
            "en": "Reads the whole ledger, can stop a migration by revoking the instruction; orders nothing.",
        },
    ),
    Role.REPRESENTATIVE: RoleDescription(
        "processor",
        frozenset({_P.SIGN_AGREEMENT, _P.READ_LEDGER, _P.END_ACCOUNT}),
        {"fr": "représentant du sous-traitant", "en": "the processor's representative"},
        {
            "fr": "Engage l'éditeur en signant le contrat de sous-traitance ; ne touche à aucune donnée.",
            "en": "Binds the processor by signing the agreement; touches no data.",
        },
    ),
    Role.ENGINEER: RoleDescription(
        "processor",
        frozenset(
            {
                _P.EXTRACT,
                _P.DEPOSIT,
                _P.LOAD,
                _P.RECONCILE,
                _P.ERASE,
                _P.READ_LEDGER,
                _P.ENROL_MACHINE,
            }
        ),
        {"fr": "ingénieur de reprise", "en": "migration engineer"},
        {
            "fr": "Exécute l'instruction : extrait, dépose, charge, compare, efface. Ne peut rien élargir ni rien accepter.",
            "en": "Carries out the instruction: extracts, deposits, loads, reconciles, erases. Can widen nothing, accept nothing.",
        },
    ),
    Role.HOST: RoleDescription(
        "processor",
        frozenset({_P.ERASE, _P.READ_LEDGER, _P.END_ACCOUNT}),
        {"fr": "hébergeur", "en": "host"},
        {
            "fr": "Garde les colis scellés sans pouvoir les lire, et les efface à l'échéance.",
            "en": "Keeps sealed parcels without being able to read them, and erases them when due.",
        },
    ),
    Role.INSPECTOR: RoleDescription(
        "outside",
        frozenset({_P.READ_LEDGER}),
        {"fr": "inspecteur", "en": "inspector"},
        {
            "fr": "Vérifie le journal et les signatures, hors ligne, sans voir une seule donnée de patient.",
            "en": "Verifies the ledger and the signatures, offline, without seeing any patient's data.",
        },
    ),
}
"""Every role, with its side, its permissions and its words."""

_R = Role

INVITES: Final[dict[Role, frozenset[Role]]] = {
    Role.HOST: frozenset({_R.BIOLOGIST, _R.REPRESENTATIVE}),
    Role.BIOLOGIST: frozenset({_R.BIOLOGIST, _R.SECOND_SIGNER, _R.DPO, _R.INSPECTOR}),
    Role.DPO: frozenset({_R.INSPECTOR}),
    Role.REPRESENTATIVE: frozenset({_R.REPRESENTATIVE, _R.ENGINEER}),
}
"""Who invites whom: the host begins, then each side answers for its own people; nobody invites a host but a host's command on its machine."""


def invites(role: Role) -> frozenset[Role]:
    """The roles that `role` may invite."""
    return INVITES.get(role, frozenset())


def permissions(role: Role) -> frozenset[Permission]:
    """What `role` may do."""
    return ROLES[role].permissions
