"""CustomResourceDefinitions outlive the stack that made them."""

from collections.abc import Iterator, Sequence

from policy.rule import Object, Options, Rule, Stack, Violation, kind

CRD = ("apiextensions.k8s.io", "CustomResourceDefinition")


def _retained(objects: Sequence[Object], stack: Stack, options: Options) -> Iterator[Violation]:
    # The engine tells policies nothing of retainOnDelete: the setting behind it is what they see.
    crds = [each for each in objects if kind(each) == CRD]
    if crds and stack.deletes_crds and not stack.is_named(options["mayDelete"]):
        yield Violation(
            object=crds[0],
            got=f"deleteCrds is true in the stack {stack.name}, which has {len(crds)} of them",
        )


RETAINED = Rule(
    name="crds-retained",
    level="mandatory",
    says="A destroy leaves CustomResourceDefinitions in the cluster",
    reason="with a CRD go all objects of its kind, every team's routes, and nothing brings them "
    "back",
    remedy="set deleteCrds to false, or name the stack in `mayDelete` in the policy config",
    check=_retained,
    looks_at="stack",
    reads_config=True,
    options={
        "mayDelete": {
            "type": "array",
            "items": {"type": "string"},
            "default": ["dev", "dev-*", "pr-*"],
            "description": "The names of stacks whose cluster nobody shares; * stands for anything",
        }
    },
)
