"""The settings of a stack: pydantic models of what Pulumi.<stack>.yaml may contain.

A new setting is a field of schema.py with its type, and an entry in Pulumi.yaml with its default
and description. Not here: rules between two settings (mesh/validation/), and how charts or
components use a setting (mesh/charts/, components/).
"""
