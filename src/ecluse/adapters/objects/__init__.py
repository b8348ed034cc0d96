"""A vault on a server that speaks S3: where it is, what is asked of it, and the vault itself."""
