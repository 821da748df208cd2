"""Proof of traffic plans: requests through real proxies, instead of a look at objects."""
