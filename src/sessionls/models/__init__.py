"""How an agent thinks: every model, local or not, through one gateway. The only room that knows litellm and xllamacpp."""
