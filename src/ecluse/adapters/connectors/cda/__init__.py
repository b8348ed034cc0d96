"""CDA R2 laboratory reports (CR-BIO, level 3) as a format of files."""
