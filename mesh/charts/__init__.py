"""Helm values of each of Istio's charts.

values.py for Istio 1.5 and later, umbrella.py for the single chart of Istio 1.0 to 1.4. Not here:
checks of the values that a user set (mesh/validation/).
"""
