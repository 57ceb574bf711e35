"""Sessions in editors that speak the Agent Client Protocol: `sessionls acp`, over stdio.

Like `cli` and `server`, this is an adapter for the services that `compose` creates.
"""
