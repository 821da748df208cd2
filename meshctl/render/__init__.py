"""`make render`: the objects that `pulumi up` would apply, as YAML files, without a cluster.

Also removes secrets from everything that is printed (redaction.py). Not here: comparing two
renders (meshctl/pull_request/).
"""
