"""The JSON-LD contexts our exports are signed under; `LICENSES` says where they come from."""
