"""The two invented systems: the OLD one, which is filled, and the NEW one, which is created empty."""

from __future__ import annotations

from ecluse.invent.new_system import NEW
from ecluse.invent.old_system import OLD

__all__ = ["NEW", "OLD"]
