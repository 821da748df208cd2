"""Istio's own resources as typed models: the parts of them that this program writes."""
