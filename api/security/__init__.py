"""Who may: tokens, and the headers that keep pages safe."""
