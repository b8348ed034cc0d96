"""One file per site: who is given which tools."""
