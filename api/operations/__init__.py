"""Running a ledger: its keys, publishing, how it stands, its registrar; and asking somebody else's."""
