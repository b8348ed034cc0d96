"""The laboratory's local page (« page locale »): where a person reads, signs and accepts, on the laboratory's own machine and nowhere else.

Served on the loopback addresses alone, by the standard library, to the one browser that was given its address on the terminal. Secrets are typed and
passkeys used here, because no page that the exchange serves could be trusted with them. `gate` decides who may ask, `door` speaks HTTP, `routes`
says which page is where; each page calls the verbs that the command line calls, and decides no rule.
"""

from ecluse.doors.local.door import Door

__all__ = ["Door"]
