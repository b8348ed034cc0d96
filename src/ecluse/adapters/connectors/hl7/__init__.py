"""HL7 v2 (2.1 to 2.8), in files and over MLLP: read as records of the vocabulary, and written from them. Start with README.md."""
