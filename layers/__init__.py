"""The two layers of the system, in the order in which their components are created.

platform.py is the mesh; app.py is Bookinfo on it. Not here: how a component is made
(components/), and which layers a stack has (__main__.py).
"""
