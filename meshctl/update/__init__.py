"""A running `up` or `destroy`: Pulumi's events, and what is shown and kept of them."""
