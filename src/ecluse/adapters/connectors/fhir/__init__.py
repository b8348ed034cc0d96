"""FHIR R4 as a system of destination: a folder of Bulk Data NDJSON, written, replaced, taken out and read back exactly."""
