"""Resources of Istio and of the Gateway API, as typed models.

One file per API group; a field is added here before a component writes it. Not here: which
resources Bookinfo needs (mesh/bookinfo/).
"""
