"""What the law and the laboratory say: vocabulary, agreement, instruction, mapping, plan. Pure values; no file, no network."""
