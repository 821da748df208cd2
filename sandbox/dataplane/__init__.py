"""A data plane: an isolated network, and the real proxies in it."""
