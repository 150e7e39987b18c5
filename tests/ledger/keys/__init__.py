"""Tests of keys: signing, verifying, which key counts where."""
