"""What others wrote judges what we write."""
