"""How values become bytes, one canonical way each."""
