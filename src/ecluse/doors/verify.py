"""`ecluse-verify`: anyone checks a bundle of evidence, or an archive, offline, with Python and the library cryptography alone.

    ecluse-verify BUNDLE|ARCHIVE [--policy FILE] [--language fr|en] [--json]

Parses the command, calls one verb, and writes its steps. It decides nothing about evidence: `inspection.evidence` does. Exit 0 when no step is KO, 9 when one is.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TextIO

from ecluse.base.refusal import Refusal
from ecluse.base.words import LANGUAGES, say
from ecluse.inspection.archive import Unsealing, verify_archive
from ecluse.inspection.evidence import holds, verify_bundle
from ecluse.proof.archive import is_archive
from ecluse.proof.bundle import open_bundle
from ecluse.proof.evidence import KO, OK, SKIPPED, Step
from ecluse.proof.trust import Trust
from ecluse.wiring.settings import language_of_environment

__all__ = ["main", "verify"]

BROKEN: Final = 9
LARGEST_POLICY: Final = 1 << 20
_WORD: Final = {OK: "outcome_ok", KO: "outcome_ko", SKIPPED: "outcome_skipped"}


def verify(
    place: Path,
    *,
    policy: Path | None = None,
    language: str = "en",
    as_json: bool = False,
    out: TextIO | None = None,
    unsealing: Unsealing | None = None,
) -> int:
    """Verify the bundle or the archive at `place`, write the numbered steps to `out` (standard output); the exit code.

    `unsealing`: what opens an archive's seal, for who holds its key; without it the contents stay sealed. Raises Refusal `bundle/...` for what is neither.
    """
    trust = None if policy is None else Trust.parse(_policy(policy))
    if is_archive(place):
        steps = verify_archive(place, trust=trust, unsealing=unsealing)
    else:
        with open_bundle(place) as bundle:
            steps = verify_bundle(bundle, trust=trust)
    out = out or sys.stdout
    if as_json:
        out.write(_as_json(steps, trusted=trust is not None, language=language) + "\n")
    else:
        out.write(
            "\n".join(_as_text(steps, place=place, trusted=trust is not None, language=language)) + "\n"
        )
    return 0 if holds(steps) else BROKEN


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    language = _language(given)
    parser = argparse.ArgumentParser(prog="ecluse-verify", description=say("verify.usage", language))
    parser.add_argument("bundle", type=Path, help=say("verify.usage_bundle", language))
    parser.add_argument("--policy", type=Path, metavar="FILE", help=say("verify.usage_policy", language))
    parser.add_argument(
        "--language", choices=LANGUAGES, default=language, help=say("verify.usage_language", language)
    )
    parser.add_argument("--json", action="store_true", help=say("verify.usage_json", language))
    asked = parser.parse_args(given)
    try:
        return verify(asked.bundle, policy=asked.policy, language=asked.language, as_json=asked.json)
    except Refusal as refusal:
        sys.stderr.write(f"{refusal.message(language)}\n{refusal.hint(language)}\n")
        return refusal.exit


def _language(given: Sequence[str]) -> str:
    """The language asked for, before the command is understood, so that its mistakes are told in it too."""
    for word, following in zip(given, [*given[1:], ""], strict=True):
        asked = word.removeprefix("--language=") if word.startswith("--language=") else following
        if word.startswith("--language") and asked in LANGUAGES:
            return asked
    return language_of_environment()


def _policy(file: Path) -> bytes:
    if not file.is_file():
        raise Refusal("bundle/absent", where=str(file))
    with file.open("rb") as opened:
        return opened.read(LARGEST_POLICY + 1)


def _as_text(steps: Sequence[Step], *, place: Path, trusted: bool, language: str) -> list[str]:
    lines = [
        say("verify.title", language, where=place.name),
        say(f"verify.trust_{'given' if trusted else 'none'}", language),
        "",
    ]
    width = max(len(say(f"verify.{word}", language)) for word in _WORD.values())
    for step in steps:
        word = say(f"verify.{_WORD[step.outcome]}", language)
        lines += [
            f"{step.number:3} {word:<{width}}  {step.title(language)}",
            f"{'':{width + 5}}  {step.said.message(language)}",
        ]
        if isinstance(step.said, Refusal):
            lines.append(f"{'':{width + 5}}  {step.said.hint(language)}")
    counts = Counter(step.outcome for step in steps)
    total = "sum_holds" if holds(list(steps)) else "sum_broken"
    said = say(f"verify.{total}", language, ok=counts[OK], ko=counts[KO], skipped=counts[SKIPPED])
    return [*lines, "", said, say("verify.not_proved", language)]


def _as_json(steps: Sequence[Step], *, trusted: bool, language: str) -> str:
    content = {
        "holds": holds(list(steps)),
        "trusted": trusted,
        "steps": [
            {
                "number": step.number, "name": step.name, "outcome": step.outcome, "examined": step.examined,
                "detail": step.said.message(language), "code": step.said.code if isinstance(step.said, Refusal) else None,
            }
            for step in steps
        ],
    }  # fmt: skip
    return json.dumps(content, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main())
