"""How an agent thinks: every model, local or not, through one gateway. Only this package imports litellm and xllamacpp."""
