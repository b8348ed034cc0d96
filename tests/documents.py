"""Honest documents that tests start from: a complete agreement, a complete instruction, the persons who sign them. All invented."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from ecluse.people.person import Person
from ecluse.people.role import Role

AT: Final = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
"""The instant at which these documents are in force."""

BIOLOGIST: Final = Person("p-7f3a", "Camille Aubert", "10001234567", Role.BIOLOGIST)
SECOND: Final = Person("p-81c2", "Dominique Le Goff", "10007654321", Role.SECOND_SIGNER)
DPO: Final = Person("p-90dd", "Maud Kerbrat", "emp-0042", Role.DPO)
REPRESENTATIVE: Final = Person("p-a410", "Sacha Perrin", "emp-1007", Role.REPRESENTATIVE)
ENGINEER: Final = Person("p-b2e9", "Noa Marchand", "emp-1130", Role.ENGINEER)

MAPPING: Final = "sha256:" + "1" * 64
TARGET: Final = "sha256:" + "2" * 64
CODES: Final = "sha256:" + "3" * 64
CERTIFICATE: Final = "sha256:" + "4" * 64
AGREEMENT_DIGEST: Final = "sha256:" + "5" * 64

AGREEMENT: Final = """
subject_matter = "Reprise des dossiers patients de l'ancien logiciel MEGALAB vers KALIBIO, pour les deux sites de Vannes et d'Auray."
nature_of_processing = "Extraire, convertir, sceller, transmettre, charger, comparer puis effacer."
purpose = "Permettre la continuité des soins et l'accès aux antériorités après l'arrêt de l'ancien logiciel fin décembre."
personal_data_types = ["ID", "CT", "NIR", "ADM", "H", "PRO"]
special_categories = [
  { category = "H", safeguards = ["scellement pour la clé du laboratoire", "accès nominatif journalisé"] },
]
data_subject_categories = ["patients", "patients mineurs", "prescripteurs"]
controller_obligations_and_rights = "Le laboratoire fournit un compte en lecture seule, désigne deux signataires et peut arrêter la reprise à toute heure."
suspension_right = "Un appel du biologiste à l'astreinte suffit ; l'éditeur coupe les deux portes dans l'heure."
termination = "Un mois après une suspension restée sans remède, par lettre recommandée."

infringing_instruction_notice = "Le chef de projet téléphone au biologiste le jour même et confirme par courriel ; la reprise attend la réponse."

[form]
writing_or_electronic = "electronic"

[parties.controller]
legal_name = "SELAS Biologie du Golfe"
id = "560012345"
address = "1 quai des Écluses, 56000 Vannes"
representative = "Camille Aubert, biologiste responsable"
dpo = "Maud Kerbrat, dpo@golfe.example"

[parties.processor]
legal_name = "Kalibio SAS"
id = "552100554"
address = "3 rue du Canal, 35000 Rennes"
representative = "Sacha Perrin, présidente"
dpo = "Lou Salaün, dpo@kalibio.example"

[signatures]
controller = "Camille Aubert, biologiste responsable"
processor = "Sacha Perrin, présidente"
date = 2026-10-01

[duration]
start = 2026-10-01
end = 2027-03-31

[instructions]
documented_only = "Seule l'instruction signée dans Écluse par le biologiste vaut ordre ; un courriel ou un appel n'ouvre rien."
third_country = "Aucun transfert hors de l'Espace économique européen ; le pays de chaque destinataire est vérifié avant le départ."
legal_exception_notice = "Si une autorité l'exige, Lou Salaün prévient le biologiste par téléphone sous quatre heures, avant toute remise."

[confidentiality]
persons_committed = "Trois ingénieurs nommés en annexe, chacun ayant signé une charte nominative ; la liste est tenue par Lou Salaün."

[security]
annex_measures = [
  "scellement age hybride post-quantique avant toute sortie du poste",
  "compte personnel et clé matérielle pour chaque ingénieur",
  "journal infalsifiable, témoin au laboratoire",
]

[subprocessors]
mode = "specific"
list = [{ name = "Hébergeur du Canal", place = "Rennes, France", task = "garde des colis scellés", since = 2026-10-01 }]
flow_down = "Le contrat du 1er octobre avec Hébergeur du Canal reprend chaque ligne de celui-ci ; copie remise au laboratoire à la signature."
full_liability = "Kalibio répond des fautes d'Hébergeur du Canal comme des siennes, sans plafond pour les atteintes aux patients."
third_party_beneficiary = "Si Kalibio disparaît, le laboratoire ordonne lui-même à Hébergeur du Canal d'effacer les colis."

[assistance]
data_subject_rights = "Toute demande reçue est transmise au secrétariat du laboratoire sous deux jours ouvrés ; Kalibio ne répond jamais lui-même."
arts_32_36 = "Kalibio remet son analyse de risques, la fiche de sécurité du logiciel et un ingénieur d'astreinte en cas de fuite."
inaccurate_data_notice = "Les lignes rejetées sont listées chaque soir avec leur motif au biologiste."

[breach]
delay_hours = 24
contact = "astreinte du laboratoire, 02 97 00 00 00"
content = ["nature", "nombre de patients et de dossiers", "conséquences probables", "mesures prises"]

[end]
choice = "delete"
delay_days = 30
copies = "Colis, essais et rebuts sont détruits par destruction des clés puis des octets ; sauvegardes échues sous quinze jours."
certificate = "Attestation signée par l'ingénieur et un témoin, remise le jour de l'effacement, avec l'essai de lecture qui échoue."
legal_retention = "L'archive des comptes rendus reste au laboratoire jusqu'en 2037 ; Kalibio ne garde rien."

[audit]
information = "Journal, contrats et attestations consultables en permanence depuis le poste du biologiste."
allow_inspections = "Le laboratoire ou son auditeur visite les locaux de Rennes sur préavis de cinq jours, sans frais."
frequency = "Une fois par reprise, et à tout moment après une fuite."

[hds]
certificate_scope = "hébergeur infogéreur, activités 1 à 5"
issued = 2025-05-12
renewed = 2028-05-11
hosting_places = ["Rennes, France"]
incident_contact = "astreinte du laboratoire, 02 97 00 00 00"
reversibility = "Les colis sont rendus sous dix jours au format age, lisible sans Kalibio."
"""

INSTRUCTION: Final = f"""
id = "golfe-2026-001"
version = 1
purpose = "Reprendre les dossiers avant l'arrêt de l'ancien logiciel."
agreement = "{AGREEMENT_DIGEST}"
codes = "{CODES}"
sites = ["VANNES", "AURAY"]

[controller]
name = "SELAS Biologie du Golfe"
finess = "560012345"
country = "FR"

[processor]
name = "Kalibio SAS"
country = "FR"

[source]
system = "MEGALAB"
mapping = "{MAPPING}"

[target]
system = "KALIBIO"
mapping = "{TARGET}"

[period]
on = "request.date"
from = 2019-01-01
to = 2026-11-30

[records]
patient = ["id", "birth_name", "given_names", "sex", "birth_date", "birth_place", "ins", "ins_oid", "ins_status"]
request = ["id", "patient", "site", "date", "status"]
result = ["id", "request", "code", "label", "value", "unit", "status", "version", "visibility", "validator", "validated_at"]

[[recipient]]
certificate = "{CERTIFICATE}"
person = "Noa Marchand"
organisation = "Kalibio SAS"
country = "FR"

[limits]
not_before = 2026-11-20T00:00:00Z
not_after = 2026-12-15T18:00:00Z
runs = 3
time_to_live_days = 14
max_patients = 130000

[source_after]
disposition = "keep"

[acceptance]
sample = 20
seed = 7
"""
