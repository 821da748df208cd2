"""Bookinfo, the sample application: its services, Deployments and routes.

services.py is the table of services; routes exist for both of Istio's APIs. Not here: the
components that create them (components/bookinfo.py, components/bookinfo_routes.py).
"""
