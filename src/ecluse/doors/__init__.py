"""Where people and machines come in: parse, call one verb, render."""
