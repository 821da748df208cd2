"""The comment on a pull request's previews, and the diff of its renders.

Not here: the workflows that run it (.github/workflows/, docs/gitlab-ci.yml).
"""
