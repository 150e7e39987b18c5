"""What is personal: how it is committed to, sealed, and under whose key."""
