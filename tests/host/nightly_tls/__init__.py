"""What is asked of a server that goes on from HTTP to HTTPS and lives with its certificates."""
