"""The rules as dated data, and the pure checks that read them."""
