"""The rule that a destroy keeps CustomResourceDefinitions."""

from collections.abc import Iterator, Sequence

from policy.rule import Object, Options, Rule, Stack, Violation, kind

CRD = ("apiextensions.k8s.io", "CustomResourceDefinition")


def _retained(objects: Sequence[Object], stack: Stack, options: Options) -> Iterator[Violation]:
    # The engine doesn't show retainOnDelete to policies, but they can read the setting behind it.
    crds = [each for each in objects if kind(each) == CRD]
    if crds and stack.deletes_crds and not stack.is_named(options["mayDelete"]):
        yield Violation(
            object=crds[0],
            got=f"deleteCrds is true in the stack {stack.name}, which has {len(crds)} CRDs",
        )


RETAINED = Rule(
    name="crds-retained",
    level="mandatory",
    says="A destroy leaves CustomResourceDefinitions in the cluster",
    reason="deleting a CRD deletes all objects of its kind, such as every team's routes, for good",
    remedy="set deleteCrds to false, or name the stack in `mayDelete` in the policy config",
    check=_retained,
    looks_at="stack",
    reads_config=True,
    options={
        "mayDelete": {
            "type": "array",
            "items": {"type": "string"},
            "default": ["dev", "dev-*", "pr-*"],
            "description": "Names of stacks whose cluster isn't shared; * matches any text",
        }
    },
)
