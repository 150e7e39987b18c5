"""What an actor may ask for: one function per statement type."""
