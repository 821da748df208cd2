"""Proves traffic plans with requests through real proxies, instead of by looking at objects."""
