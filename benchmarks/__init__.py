"""How fast, and beside what: every figure is one of a run in which its comparison was measured too."""
