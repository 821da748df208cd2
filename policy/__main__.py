"""The policy pack: `pulumi preview --policy-pack ./policy`."""

import sys
from pathlib import Path

# Pulumi runs this folder as a program, but it is a package of the parent folder.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pulumi_policy import PolicyPack

from policy.pack import policies

if __name__ == "__main__":
    PolicyPack("mesh", policies())
