"""What goes on beside the doors."""
