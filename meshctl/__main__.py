"""The entry point of `python -m meshctl`; its option --help lists the commands."""

from meshctl.commands.app import main

main()
