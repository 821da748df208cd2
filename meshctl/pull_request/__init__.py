"""What a pull request shows: changes of a preview, differences of renders, the comment.

Not here: the workflows that run it (.github/workflows/, docs/gitlab-ci.yml).
"""
