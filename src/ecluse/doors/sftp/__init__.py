"""The SFTP door: sealed parcels in and out, for enrolled keys and short-lived certificates, and nothing else of SSH.

listening = await serve(address="127.0.0.1", port=2222, host_key=..., authority=..., admissions=..., intakes=exchange.intake)
listening.end("p-00e1"); listening.close(); await listening.wait_closed()
"""

from ecluse.doors.sftp.admitted import Admissions, Admitted
from ecluse.doors.sftp.door import Listening, serve
from ecluse.doors.sftp.throttle import Limits

__all__ = ["Admissions", "Admitted", "Limits", "Listening", "serve"]
