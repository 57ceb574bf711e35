"""Replies written by a model that sessionls calls itself, with tools that sessionls runs."""
