"""What every page shares: templates, style, words, and who gets a page rather than JSON."""
