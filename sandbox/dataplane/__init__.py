"""A data plane for fake pods: real proxies and small servers, in an isolated network."""
