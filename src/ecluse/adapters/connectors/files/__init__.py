"""Systems that speak in files: HL7, HPRIM, CDA, FHIR, tables. One source and one target serve them all; a format only reads and writes."""
