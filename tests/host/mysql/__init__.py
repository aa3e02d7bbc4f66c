"""What is asked of MySQL on its machine."""
