"""The real engine, a real API server and a real istiod."""
