"""What is asked of nginx on its machines."""
