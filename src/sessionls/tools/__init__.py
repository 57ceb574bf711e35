"""What an agent may do; one file for each family of tools."""
