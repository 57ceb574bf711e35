"""sessionls: a language server that keeps your work with AI agents in sessions."""

__all__ = ["__version__"]

__version__ = "0.1.0"
