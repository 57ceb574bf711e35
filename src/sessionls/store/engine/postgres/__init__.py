"""PostgreSQL: one database for the people and machines of a team."""
