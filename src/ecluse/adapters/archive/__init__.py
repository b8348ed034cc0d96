"""The archive a laboratory keeps: what lies under its seal, and how it is written beside its place and put there whole."""
