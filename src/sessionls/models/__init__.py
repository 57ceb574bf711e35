"""How an agent thinks: every language model, behind one small door. The only room that knows litellm."""
