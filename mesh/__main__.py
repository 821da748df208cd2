"""The former name of the commands."""

import sys

sys.exit("python -m mesh is now python -m meshctl, with the same commands and options")
