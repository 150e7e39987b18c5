"""Examples and mutations of the formats in docs/formats, shared by every implementation, and their maker."""
