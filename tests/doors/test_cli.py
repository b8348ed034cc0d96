"""The command line as a person meets it: its help, its refusals, its exit codes, what it never prints."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from ecluse.base.refusal import rules
from ecluse.base.words import LANGUAGES, sentences
from ecluse.doors.cli import app
from ecluse.doors.cli.door import GROUPS, commands, ended, hoisted, language_of
from ecluse.doors.cli.options import SideName
from ecluse.doors.cli.shown import SHOWN
from ecluse.doors.cli.speak import Voice
from tests.doors.conftest import Desk
from tests.house.reading import called, modules, strings

PROGRAM = Path(sys.executable).with_name("ecluse")


def verbs() -> dict[str, object]:
    """Every verb by its words."""
    return dict(commands(get_command(app)))


def typed(*words: str, env: dict[str, str] | None = None, home: Path) -> subprocess.CompletedProcess[str]:
    """Run the real program, without a terminal."""
    surroundings = {"PATH": "/usr/bin:/bin", "HOME": str(home), "LANG": "fr_FR.UTF-8", **(env or {})}
    return subprocess.run(
        [str(PROGRAM), *words],
        capture_output=True,
        text=True,
        check=False,
        env=surroundings,
        cwd=home,
        timeout=60,
    )


def test_every_verb_has_its_help_and_its_json_in_both_languages() -> None:
    """Every verb stands in one group of the help, has its sentence in French and English, and documents what --json gives."""
    grouped = [verb for listed in GROUPS.values() for verb in listed]
    assert set(verbs()) == set(SHOWN)
    assert sorted(grouped) == sorted({words.split()[0] for words in verbs()})
    for words in verbs():
        assert f"cli.help_{words.replace(' ', '_').replace('-', '_')}" in sentences()


def test_every_option_is_explained_in_both_languages() -> None:
    """Every option and argument of every verb has its sentence."""
    lacking = [
        f"{words} {option.name}"
        for words, command in verbs().items()
        for option in command.params  # type: ignore[attr-defined]
        if f"cli.option_{option.name}" not in sentences()
    ]
    assert lacking == []


def test_every_phrase_said_by_the_door_exists(root: Path) -> None:
    """No verb says a phrase that the catalogue does not know."""
    said = [
        (name, key)
        for name, tree in modules(root / "src" / "ecluse" / "doors" / "cli")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and called(node.func) == "phrase" and node.args
        for key in strings(node.args[0])
    ]
    assert len(said) > 50
    assert [(name, key) for name, key in said if f"cli.{key}" not in sentences()] == []


def test_there_is_no_way_to_force_the_lock() -> None:
    """No verb has an option that forces, skips or ignores anything, nor one that takes a secret itself."""
    names = {name for command in verbs().values() for option in command.params for name in option.opts}  # type: ignore[attr-defined]
    assert not [
        name
        for name in names
        if name in ("--password", "--passphrase")
        or any(word in name for word in ("force", "skip", "ignore", "yes", "insecure"))
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_help_shows_examples_then_every_verb(language: str) -> None:
    """`ecluse --help` shows examples first, then one line for each verb, in the language asked for."""
    result = CliRunner().invoke(app, ["--language", language, "--help"])
    assert result.exit_code == 0
    first = result.stdout.index("$ ecluse demo")
    for words in verbs():
        place = result.stdout.index(f"\n  {words} ")
        assert place > first
        assert sentences()[f"cli.help_{words.replace(' ', '_').replace('-', '_')}"][language] in result.stdout


def test_the_help_starts_at_once(tmp_path: Path) -> None:
    """`ecluse --help` loads no library of the work itself: neither Arrow, nor a database's, nor cryptography."""
    program = "import sys; sys.argv = ['ecluse', '--help']\ntry:\n    from ecluse.doors.cli import main; main()\nexcept SystemExit: pass\nprint(sorted(set(sys.modules) & {'pyarrow', 'duckdb', 'psycopg', 'cryptography', 'sqlglot', 'numpy', 'rich'}))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_refusal_is_told_in_three_lines_with_its_own_exit_code(tmp_path: Path) -> None:
    """A refusal says what and where, the rule with its code, and what to do, in French by default, on standard error alone."""
    done = typed("lock", "status", home=tmp_path)
    what, rule, hint = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert what.startswith("ecluse: refus : ")
    assert rule.startswith("règle : ")
    assert rule.endswith("[settings/absent]")
    assert hint.startswith("conseil : ")


@pytest.mark.parametrize(
    ("setting", "words"),
    [({"LANG": "en_GB.UTF-8"}, ()), ({"ECLUSE_LANGUAGE": "en"}, ()), ({}, ("--language", "en"))],
)
def test_the_language_is_the_one_asked_for(
    setting: dict[str, str], words: tuple[str, ...], tmp_path: Path
) -> None:
    """English comes from the surroundings or from --language, wherever on the line it is written."""
    done = typed("lock", "status", *words, env=setting, home=tmp_path)
    assert done.stderr.startswith("ecluse: refused: ")


def test_a_refusal_is_told_to_machines_too(tmp_path: Path) -> None:
    """With --json, a refusal is one object with its code, exit, message, rule, hint and whether to retry."""
    done = typed("lock", "status", "--json", home=tmp_path)
    said = json.loads(done.stdout)["refusal"]
    assert set(said) == {"code", "exit", "message", "rule", "hint", "retry"}
    assert (said["code"], said["exit"]) == ("settings/absent", rules()["settings/absent"].exit)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--lokc"], "--lokc"),
        (["lock"], "lock"),
        (["lokc"], "lokc"),
        (["agreement", "check"], "FILE"),
        (["run"], "--as"),
        (["plan", "--rehearse", "x"], "--rehearse"),
    ],
)
def test_what_is_not_understood_ends_with_2(words: list[str], named: str) -> None:
    """A command that is not understood names what, and ends with exit code 2, without a traceback."""
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2, result.stderr
    assert named in result.stderr + result.stdout
    assert "Traceback" not in result.stderr


def test_the_version_is_said() -> None:
    """`ecluse --version` prints the name and the version alone."""
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout.split()[0], len(result.stdout.split())) == (0, "ecluse", 2)


def test_a_command_alone_without_a_terminal_shows_the_help(tmp_path: Path) -> None:
    """`ecluse` in a pipe prints the help and asks nothing."""
    done = typed(home=tmp_path)
    assert done.returncode == 0
    assert "$ ecluse demo" in done.stdout


def test_an_internal_fault_shows_no_value(capsys: pytest.CaptureFixture[str]) -> None:
    """An exception nobody foresaw is told by its type and place only: its message may hold a patient's value."""

    def fails() -> None:
        raise ValueError("NOM-D-UN-PATIENT 1 85 05 78 006 084 36")

    assert ended(Voice(language="fr"), fails) == 1
    said = capsys.readouterr()
    assert "ValueError" in said.err
    assert "PATIENT" not in said.out + said.err


def test_a_person_who_stops_a_command_ends_it_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C ends with exit code 130 and says that the same command goes on."""

    def stopped() -> None:
        raise KeyboardInterrupt

    assert ended(Voice(language="en"), stopped) == 130
    assert "goes on where it was" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["lock", "status", "--home", "a"], ["--home", "a", "lock", "status"]),
        (["run", "--language=en", "--as", "p-1"], ["--language=en", "run", "--as", "p-1"]),
        (["verify", "--", "--home"], ["verify", "--", "--home"]),
        (["run", "--home"], ["run", "--home"]),
    ],
)
def test_global_options_stand_anywhere(words: list[str], expected: list[str]) -> None:
    """--home and --language may be written after the verb; what follows `--` is left as it is."""
    assert hoisted(words) == expected


def test_a_language_that_is_not_spoken_is_left_to_the_parser() -> None:
    """A language that Écluse does not speak is refused by name, in one that it does."""
    assert language_of(["--language", "en"]) == "en"
    assert language_of(["--language=de"]) in LANGUAGES
    assert CliRunner().invoke(app, ["--language", "de", "lock", "status"]).exit_code == 2


def test_long_work_says_a_line_for_each_tenth_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal, progress is at most ten lines with the rate and what is left, and none for small works."""
    with Voice(language="en").progress("load") as tell:
        for done in range(0, 1_000_001, 10_000):
            tell("results", done, 1_000_000)
        tell("patients", 10, 10)
    lines = capsys.readouterr().err.splitlines()
    assert 1 <= len(lines) <= 10
    assert all("/s" in line and "results" in line for line in lines)


def test_a_verb_that_shows_an_undocumented_key_fails() -> None:
    """What --json gives is exactly what the table of keys promises."""
    with pytest.raises(ValueError, match="lock status"):
        Voice(language="fr", json=True).result("lock status", surprise=1)


def test_the_sides_are_two() -> None:
    """A workspace has a source and a target, and nothing else."""
    assert [side.value for side in SideName] == ["source", "target"]


def test_a_new_site_goes_from_its_words_to_its_use(desk: Desk, tmp_path: Path) -> None:
    """A root key's 24 words are shown once; wrong ones are refused; typed back, they confirm it, and recover it under a new passphrase."""
    home = tmp_path / "neuf"
    new = Desk(home, {})
    secret = tmp_path / "phrase.txt"
    secret.write_text("cinq mots sans aucun lien\n", "utf-8")
    secret.chmod(0o600)
    new.type("init", "--source", "sqlite:///old.sqlite", "--target", "sqlite:///new.sqlite", "--dry-run")
    assert not (home / "ecluse.toml").exists()
    new.type("init", "--source", "sqlite:///old.sqlite", "--target", "sqlite:///new.sqlite")
    new.type("init", "--source", "sqlite:///old.sqlite", "--target", "sqlite:///new.sqlite", code=2)
    made = new.json("site", "new", "source", "--passphrase-file", str(secret))
    assert len(made["words"]) == 24
    assert len(made["fingerprint"].split()) == 8
    words = " ".join(made["words"])
    new.type("site", "confirm", "source", told=" ".join(reversed(made["words"])), code=12)
    assert new.json("site", "show", "source")["confirmed"] is False
    new.type("site", "confirm", "source", told=words)
    assert new.json("site", "show", "source") == {
        "site": made["site"], "fingerprint": made["fingerprint"], "key": new.json("site", "show", "source")["key"], "confirmed": True, "peers": {},
    }  # fmt: skip
    new.type("site", "recover", "source", "--passphrase-file", str(secret), told=words)
    said = new.type(
        "person", "add", "--name", "Camille Aubert", "--professional-id", "10001234567", "--role", "biologist",
        "--passphrase-file", str(secret), "--person-passphrase-file", str(secret),
    )  # fmt: skip
    assert "p-" in said.stdout
    assert [one["role"] for one in new.json("person", "list")["people"]] == ["biologist"]
    assert not any(
        word in said.stdout + said.stderr for word in ("cinq mots", made["words"][0] + " " + made["words"][1])
    )


def test_another_sites_root_is_trusted_only_by_its_fingerprint(desk: Desk) -> None:
    """The fingerprint of another site is typed; a wrong one is refused, with exit code 7, and nothing is noted."""
    peers = desk.home / "laboratory-old" / "peers" / "laboratory-new.pub"
    peers.unlink()
    right = desk.json("site", "show", "target")["fingerprint"]
    desk.type(
        "site",
        "compare",
        "laboratory-new",
        "--fingerprint",
        right[:-1] + str((int(right[-1]) + 1) % 10),
        code=7,
    )
    assert not peers.exists()
    desk.type("site", "compare", "laboratory-new", "--dry-run", told=right)
    assert not peers.exists()
    desk.type("site", "compare", "laboratory-new", told=right.replace(" ", ""))
    assert peers.exists()
    desk.type("site", "compare", "nowhere", "--fingerprint", right, code=2)


@pytest.mark.parametrize(("mode", "code"), [(0o600, 12), (0o644, 12), (0o640, 12)])
def test_a_wrong_or_open_passphrase_is_refused(mode: int, code: int, desk: Desk) -> None:
    """A passphrase that does not open the key, or a file that others can read, ends with exit code 12, and the phrase is not repeated."""
    secret = desk.home / "autre.txt"
    secret.write_text("une phrase qui n'ouvre rien\n", "utf-8")
    secret.chmod(mode)
    said = desk.type(
        "agreement",
        "sign",
        desk.file("agreement.toml"),
        "--as",
        desk.people["biologist"],
        "--passphrase-file",
        str(secret),
        code=code,
    )
    assert "n'ouvre rien" not in said.stdout + said.stderr
    assert ("chmod 600" in said.stderr) is (mode != 0o600)


def test_without_a_terminal_nobody_is_asked(desk: Desk) -> None:
    """Without --passphrase-file and without a terminal, the verb refuses at once instead of waiting."""
    begun = time.monotonic()
    said = desk.type(
        "agreement", "sign", desk.file("agreement.toml"), "--as", desk.people["biologist"], code=12
    )
    assert "[door/no-passphrase]" in said.stderr
    assert time.monotonic() - begun < 10


def test_colour_is_for_terminals_only(desk: Desk) -> None:
    """Nothing printed into a pipe holds an escape sequence, with or without NO_COLOR."""
    for surroundings in ({}, {"NO_COLOR": "1"}):
        done = typed("--home", str(desk.home), "lock", "status", env=surroundings, home=desk.home)
        assert "\x1b" not in done.stdout + done.stderr
