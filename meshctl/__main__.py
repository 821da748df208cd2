"""The commands around the program; `python -m meshctl --help` lists them."""

from meshctl.commands.app import main

main()
