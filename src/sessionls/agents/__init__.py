"""What an agent is, and where definitions of agents come from."""
