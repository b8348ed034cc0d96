"""The API by which laboratories' machines speak to their chamber: HTTPS only, a session by a signed challenge, refusals as JSON with their code."""
