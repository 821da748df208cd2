"""Tests of what people read: README.md, CONTRIBUTING.md, SECURITY.md and docs/."""
