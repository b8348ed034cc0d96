"""The fuzzer: octets that coverage leads, given to each reader of what comes from outside. `make fuzz`; nothing of the program needs it."""
