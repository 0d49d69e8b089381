"""What is done differently for single partners."""
