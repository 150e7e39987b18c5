"""The log's door."""
