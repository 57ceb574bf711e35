"""Replies written by a model that sessionls asks itself, with the tools that sessionls runs for it."""
