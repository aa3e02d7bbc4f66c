"""What is asked of servers that look after their certificates."""
