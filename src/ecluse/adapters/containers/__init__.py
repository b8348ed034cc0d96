"""Opens the documents that records hold: what is inside them, and what of it may leave."""
