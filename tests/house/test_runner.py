"""The runner of terminal sessions: it runs what is written, and it sees what differs."""

from __future__ import annotations

import pytest

from tests.transcripts import runner
from tests.transcripts.runner import Step, Unlike, Unreadable


def test_a_session_is_read_line_by_line() -> None:
    """A session gives its title, what it needs, and for each command its output and its exit code."""
    session = runner.read(
        "needs: age, bash\nWhat it shows,\non two lines.\n\n$ echo a \\\n> b\na b\n\n? 3\n$ true\n"
    )
    assert session.title == "What it shows, on two lines."
    assert session.needs == ("age", "bash")
    assert session.steps == (Step(5, "echo a \\\nb", ("a b", ""), 3), Step(10, "true", (), 0))


@pytest.mark.parametrize(
    "text", ["", "only words\n", "? 3\n$ true\n", "> more\n$ true\n", "$ true\n? many\n"]
)
def test_a_session_that_means_nothing_is_refused(text: str) -> None:
    """A session without a command, or with a line out of its place, is refused instead of passing."""
    with pytest.raises(Unreadable):
        runner.read(text)


@pytest.mark.parametrize(
    "text",
    [
        "$ echo one; echo two >&2\none\ntwo\n",
        "$ exit 7\n? 7\n",
        "$ echo kept >file\n$ cat file\nkept\n",
        "$ mkdir below && cd below\n$ basename $PWD\nbelow\n",
        "$ export WORD=said\n$ echo $WORD\nsaid\n",
        "$ cd / && false\n? 1\n$ pwd\n/\n",
        "$ echo 'exactly [this] (and) $that'\nexactly [this] (and) $that\n",
        "$ echo at 12:34 sharp\nat [..] sharp\n",
        "$ printf '1\\n2\\n3\\n'\n[...]\n3\n",
        "$ printf '3\\n'\n[...]\n3\n",
        "$ printf 'a  \\n\\n'\na\n",
        "$ cat\n",
        "$ printf '%s\\n' é «\né\n«\n",
    ],
)
def test_a_session_that_goes_as_written_passes(text: str) -> None:
    """Streams, exit codes, files, folder, exported variables, wildcards and accents are those of the session."""
    runner.run(runner.read(text))


@pytest.mark.parametrize(
    "text",
    [
        "$ echo one\ntwo\n",
        "$ echo one\n",
        "$ true\none\n",
        "$ false\n",
        "$ true\n? 1\n",
        "$ printf '1\\n2\\n'\n1\n",
        "$ printf '1\\n2\\n'\n[..]\n",
        "$ echo aXb\na.b\n",
        "$ printf '1\\n2\\n'\n[...]\n3\n",
        "$ echo ONE\none\n",
    ],
)
def test_a_session_that_goes_otherwise_is_caught(text: str) -> None:
    """A line more, a line less, another word or another exit code fails the session, and both sides are shown."""
    with pytest.raises(Unlike, match=r"--- expected, exit .*\n(?s:.)*--- printed, exit"):
        runner.run(runner.read(text))


def test_a_program_that_is_absent_is_named() -> None:
    """A session that needs a program which is not here says which."""
    assert runner.absent(runner.read("needs: bash no-such-program\n$ true\n")) == ["no-such-program"]


def test_our_own_programs_are_on_the_path() -> None:
    """A session finds the programs of the environment the tests run in, before the machine's."""
    runner.run(runner.read("$ python -c 'import ecluse, sys; print(sys.prefix != sys.base_prefix)'\nTrue\n"))
