"""The command line: app.py declares every command, the other files implement the short ones.

Not here: commands that need more than one file; each has its own package in meshctl/.
"""
