"""`python -m house VERB`: write | check | lock. Keeps what is made from other files equal to them."""

from __future__ import annotations

import sys

from house import ROOT, lock, pages


def write() -> int:
    """Write every generated page."""
    for path, text in pages.rendered().items():
        file = ROOT / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        print(f"wrote {path}")
    return 0


def check() -> int:
    """Say which generated pages are not what the code gives now; 1 if any."""
    stale = pages.stale(ROOT)
    for path in stale:
        print(f"{path} is not what the code says: run `make docs`, read it, commit it", file=sys.stderr)
    print(f"{len(pages.PAGES) - len(stale)} of {len(pages.PAGES)} generated pages are as the code says")
    return 1 if stale else 0


VERBS = {"write": write, "check": check, "lock": lock.compile_all}

if __name__ == "__main__":
    verb = VERBS.get(" ".join(sys.argv[1:]))
    sys.exit(verb() if verb else f"usage: python -m house {'|'.join(VERBS)}")
