"""Definitions of agents and skills: finds, reads and checks them."""
