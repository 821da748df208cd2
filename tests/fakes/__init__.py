"""What tests use in place of an engine, an API server and a mesh."""
