"""Where sessions live: the event log, its projections and the feed that says what is new. The only room that knows SQL."""
