"""The stand-in plugin, alone and against a real API server."""
