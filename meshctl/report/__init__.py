"""`make report`: one page about a stack's mesh, to send around; it needs no other file."""
