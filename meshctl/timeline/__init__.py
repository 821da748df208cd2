"""`make timeline`: what the last `up` or `destroy` did when, and what took its time."""
