"""The command line: app.py declares every command, the other files implement the short ones.

Not here: commands with more than one file, which have a package of their own beside this one.
"""
