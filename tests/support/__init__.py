"""What tests share: words to build a world with, and the way to published vectors."""
