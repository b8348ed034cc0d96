"""How Écluse's house is kept: the pages made from the code, the import contracts, the locked versions. Never part of the wheel."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
