"""The rules as Pulumi policies, which check the inputs of Kubernetes resources."""

from typing import Any

import pulumi
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

from policy.rule import Rule, Stack
from policy.rules import RULES


def policies() -> list[Policy]:
    """Return a policy for each rule, with the rule's name."""
    return [_policy(rule) for rule in RULES]


def _policy(rule: Rule) -> Policy:
    words: dict[str, Any] = {
        "name": rule.name,
        "description": f"{rule.says}: {rule.reason}.",
        "enforcement_level": EnforcementLevel(rule.level),
        "config_schema": PolicyConfigSchema(
            properties={name: dict(schema) for name, schema in rule.options.items()}
        ),
        "remediation_steps": rule.remedy,
    }

    def of_resource(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if _is_object(args):
            for violation in rule.check([args.props], _stack(), args.get_config()):
                report(rule.message(violation), None)

    def of_stack(args: StackValidationArgs, report: ReportViolation) -> None:
        made = [(each.props, each.urn) for each in args.resources if _is_object(each)]
        objects = [props for props, _ in made]
        for violation in rule.check(objects, _stack(), args.get_config()):
            urn = next(urn for props, urn in made if props is violation.object)
            report(rule.message(violation), urn)

    if rule.looks_at == "stack":
        return StackValidationPolicy(validate=of_stack, **words)
    return ResourceValidationPolicy(validate=of_resource, **words)


def _is_object(resource: ResourceValidationArgs | PolicyResource) -> bool:
    """Return whether a resource is a Kubernetes object: no component, provider or patch."""
    token = resource.resource_type
    return (
        token.startswith("kubernetes:") and not token.endswith("Patch") and "kind" in resource.props
    )


def _stack() -> Stack:
    """Return the stack that the engine works on."""
    config = pulumi.Config(pulumi.get_project())
    return Stack(
        name=pulumi.get_stack(),
        mode=config.get("mode") or "standalone",
        deletes_crds=config.get_bool("deleteCrds") or False,
    )
