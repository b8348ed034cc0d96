"""GNU Health 5 (Tryton) through its JSON-RPC, in its own process: a source and a target that keep its rules. README.md says what goes where."""
