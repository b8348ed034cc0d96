"""What the local page reads of a form, what a sitting holds, and what its pages may write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecluse.base.refusal import Refusal
from ecluse.doors.local.form import read_form
from ecluse.doors.local.session import MOST, PATIENCE, TRIES, Act, Paper, Session
from ecluse.doors.local.written import form, link, prose
from tests.sittings import BOUNDARY, multipart

KIND = f"multipart/form-data; boundary={BOUNDARY}"


@given(
    st.binary(max_size=300),
    st.text(
        st.characters(exclude_categories=["Cc", "Cs"], exclude_characters='"\\'), min_size=1, max_size=20
    ),
)
def test_a_file_is_read_octet_for_octet(octets: bytes, text: str) -> None:
    """Whatever a file holds, line ends and octets that are no text included, it is read as it was sent, and so is a text beside it."""
    read = read_form(KIND, multipart({"csrf": text}, ("a.toml", octets)))
    assert read.file == ("a.toml", octets)
    assert read.text("csrf") == text
    assert read.text("other") == ""
    assert repr(read) == "Form()"


@pytest.mark.parametrize(
    "octets",
    [
        multipart({}, ("a", b"")) + multipart({}, ("b", b"")),
        multipart({"a": "1"}, ("a", b"")).replace(b'; name="a"', b""),
        multipart({"a": "1"}, ("a", b"")).replace(b"\r\n\r\n1", b"\r\nContent-Type: multipart/mixed; boundary=z\r\n\r\n--z\r\n\r\n--z--"),
        multipart({"a": "1"}, ("a", b"")).replace(b"--\r\n", b""),
        multipart({f"a{number}": "1" for number in range(30)}, ("a", b"")),
    ],
)  # fmt: skip
def test_a_form_of_another_form_is_refused(octets: bytes) -> None:
    """A part without a name, parts within a part, an end that is lacking, too many fields: refused."""
    if octets.count(b"filename") == 2:  # what follows a form's end is no part of it
        assert read_form(KIND, octets).file == ("a", b"")
        return
    with pytest.raises(Refusal, match="form-malformed"):
        read_form(KIND, octets)


def act(person: str = "p-1a2b") -> Act:
    return Act("what", "presence", b"{}", person, "keys", lambda desk, signer: desk.go())


def test_an_act_waits_a_while_for_its_own_person() -> None:
    """An act is signed within ten minutes, by the person who began it, once; of too many, the oldest goes."""
    now = [0.0]
    session = Session("fr", lambda: now[0])
    session.person = "p-1a2b"
    name = session.begin(act())
    assert session.act(name).what == "what"
    session.person = "p-3c4d"
    with pytest.raises(Refusal, match="act-over"):
        session.act(name)
    session.person = "p-1a2b"
    for _ in range(MOST):
        last = session.begin(act())
    with pytest.raises(Refusal, match="act-over"):
        session.act(name)
    now[0] += PATIENCE + 1
    with pytest.raises(Refusal, match="act-over"):
        session.act(last)
    session.end(last)
    for number in range(MOST + 1):
        session.keep(str(number), Paper("codes", "", b""))
    assert (len(session.papers), "0" in session.papers) == (MOST, False)


def test_wrong_passphrases_are_counted_in_a_row() -> None:
    """A right one begins the count again."""
    session = Session("fr", lambda: 0.0)
    for _ in range(TRIES - 1):
        session.wrong()
    session.end("")
    session.wrong()
    assert not session.closed
    for _ in range(TRIES):
        session.wrong()
    assert session.closed
    assert session.csrf not in repr(session)
    assert session.token not in repr(session)


def test_a_page_leads_nowhere_but_to_itself() -> None:
    """No link and no form leads to another address than the page's own; what is typed in a sentence is shown as typed, escaped."""
    assert link("/door/keys", "<b>") == '<a href="/door/keys">&lt;b&gt;</a>'
    for address in (
        "https://evil.example/",
        "//evil.example/a",
        "/door/../x y",
        "javascript:alert(1)",
        "/",
        '/door/"onclick="',
    ):
        with pytest.raises(ValueError, match=r"."):
            link(address, "x")
        with pytest.raises(ValueError, match=r"."):
            form("csrf", address=address)
    assert prose("run `ecluse <a>` now") == "run <code>ecluse &lt;a&gt;</code> now"
