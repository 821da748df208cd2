"""`make topology`: the mesh as a picture, from the objects of a cluster, a preview or a render.

`reader.py` turns objects into a `Picture`; `svg.py`, `png.py` and `mermaid.py` draw one. Not here:
what is wrong with a mesh, and its remedy (meshctl/verify/).
"""
