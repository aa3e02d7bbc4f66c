"""Applications in the shapes that people bring, what their entries say, and the table of what became of each."""
