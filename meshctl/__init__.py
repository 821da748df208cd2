"""The commands around the Pulumi program: `python -m meshctl`, used by make and by CI.

One package for each command or group of commands. Not here: anything that `pulumi up` runs
(mesh/), and the sandbox cluster itself (sandbox/).
"""
