"""Keys: signing, verifying, which keys count at which position, and how they are published."""
