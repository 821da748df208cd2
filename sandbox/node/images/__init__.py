"""The programs that run in place of images: what the node knows of what it runs."""
