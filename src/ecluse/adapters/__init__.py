"""The only floor that touches the world: databases, vaults, files, the clock."""
