"""What the program costs, against what people would use otherwise."""
