"""The exchange as a laboratory's machine reaches it: by outgoing HTTPS alone, with the standard library alone; nothing it answers is believed."""
