"""A data plane for fake pods: real proxies and small servers, in a network of their own."""
