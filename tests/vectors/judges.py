"""Where a developer's copies of public vectors and second implementations lie, beside the project and never in it.

To get them, once:
    npm install --prefix ~/.cache/ecluse-judges cctv-age@0.2.0 age-encryption@0.3.1 axe-core@4.14.1 tus-js-client@4.3
"""

from __future__ import annotations

import re
from base64 import b64decode
from pathlib import Path

HOW = "npm install --prefix ~/.cache/ecluse-judges cctv-age@0.2.0 age-encryption@0.3.1 axe-core@4.14.1 tus-js-client@4.3"
MODULES = Path.home() / ".cache" / "ecluse-judges" / "node_modules"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "vectors"

_VECTOR = re.compile(r'// \.\./testdata/(\w+)\nvar \w+ = __toBinary\("([A-Za-z0-9+/=]+)"\)')


def age_vectors() -> dict[str, bytes]:
    """The CCTV age vectors by name, from the npm module that carries them; empty when it is absent."""
    module = MODULES / "cctv-age" / "index.js"
    return (
        {name: b64decode(text) for name, text in _VECTOR.findall(module.read_text())}
        if module.exists()
        else {}
    )
