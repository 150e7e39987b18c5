"""Tests of whole submissions: what is refused as a whole, what is answered again, who comes first."""
