"""What is proved: replies compared with what the traffic plan promises, and all other checks."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from mesh.bookinfo.services import FRONT, VERSIONS
from mesh.settings.traffic_plan import MILLISECONDS, QUANTITY, Rule
from traffic import chance
from traffic.load import OK, Reply

EARLY_SECONDS = 0.05
"""Envoy counts a delay from when its loop last woke up, which is a little before the request."""


@dataclass(kw_only=True)
class Measurement:
    """The replies to one kind of request, and the rule of the plan that they should follow."""

    plan: str
    """The plan's name."""
    service: str
    rule: Rule
    replies: list[Reply] = field(default_factory=list)
    copies: Counter[str] = field(default_factory=Counter)
    """Mirrored requests that each version got."""

    done: bool = False
    """Whether all replies have arrived."""

    @property
    def name(self) -> str:
        """The plan, the service, and the caller."""
        return f"{self.plan}, {self.service} by {self.by}"

    @property
    def by(self) -> str:
        """The caller: the headers that the rule is about."""
        return ", ".join(f"{k}: {v}" for k, v in self.rule.headers.items()) or "anybody"

    def forget(self) -> None:
        """Delete the replies and copies, to measure again."""
        self.replies.clear()
        self.copies.clear()

    def report(self) -> dict[str, Any]:
        """Return all numbers."""
        return {
            "plan": self.plan,
            "service": self.service,
            "headers": dict(self.rule.headers),
            "sent": len(self.replies),
            "statuses": dict(self.statuses),
            "versions": dict(self.versions),
            "copies": dict(self.copies),
            "delayed": self.delayed,
            "p50": self.quantile(0.5),
            "p99": self.quantile(0.99),
            "broken": self.broken(),
        }

    @property
    def delayed(self) -> int:
        """The number of replies that took as long as the rule's delay, or longer."""
        if not self.rule.delay:
            return 0
        least = seconds(self.rule.delay.fixed_delay) - EARLY_SECONDS
        return sum(reply.seconds >= least for reply in self.replies)

    @property
    def statuses(self) -> Counter[int]:
        """The number of replies with each status."""
        return Counter(reply.status for reply in self.replies)

    @property
    def versions(self) -> Counter[str]:
        """The number of requests that each version answered."""
        return Counter(reply.version for reply in self.replies if reply.version)

    def quantile(self, share: float) -> float:
        """Return the time within which this share of the replies came."""
        times = sorted(reply.seconds for reply in self.replies)
        return times[min(int(share * len(times)), len(times) - 1)] if times else 0.0

    def broken(self) -> list[str]:
        """Return a message for each promise that the replies break."""
        return list(self._broken())

    def _broken(self) -> Iterator[str]:
        sent, rule = len(self.replies), self.rule
        strange = self.statuses
        del strange[OK]
        if rule.abort:
            aborted = strange.pop(rule.abort.http_status, 0)
            what = f"aborts with {rule.abort.http_status}"
            yield from _unlikely(what, aborted, sent, rule.abort.percent)
        if strange:
            yield f"statuses that the plan doesn't ask for: {dict(strange)}"
        if rule.delay:
            what = f"replies after {rule.delay.fixed_delay} or more"
            yield from _unlikely(what, self.delayed, sent, rule.delay.percent)
        answered = self.versions.total()
        if not sent:
            yield "no request was sent"
        # productpage is Istio's own program, which says no version.
        if self.statuses[OK] and not answered and self.service != FRONT:
            yield "no answer says which version gave it"
        shares = rule.to or {}
        for version in VERSIONS[self.service]:
            if shares:
                what = f"answers of {version}"
                yield from _unlikely(what, self.versions[version], answered, shares.get(version, 0))
            elif answered and not self.versions[version]:
                yield f"no answer of {version}, but every version should answer"
        for version in VERSIONS[self.service]:
            percent = rule.mirror.percent if rule.mirror and rule.mirror.to == version else 0
            yield from _unlikely(f"copies to {version}", self.copies[version], answered, percent)


@dataclass
class Proof:
    """The results of all measurements and checks."""

    measurements: list[Measurement] = field(default_factory=list)
    flows: dict[str, Counter[int]] = field(default_factory=dict)
    """Statuses of the replies while something changed."""
    checks: dict[str, bool] = field(default_factory=dict)
    """Statements, and whether each is true."""

    def sentences(self) -> Iterator[tuple[str, bool]]:
        """Yield the results that the table lacks, and whether each is as it should be.

        A flow without any request proves nothing.
        """
        for flow, statuses in self.flows.items():
            lost = {status: count for status, count in statuses.items() if status != OK}
            told = f", not {lost}" if lost else ""
            answered = f"{statuses[OK]} of {statuses.total()} answered"
            yield f"{flow}: {answered}{told}", set(statuses) == {OK}
        yield from self.checks.items()

    def broken(self) -> list[str]:
        """Return every promise that wasn't kept."""
        return [
            *(f"{m.name}: {what}" for m in self.measurements for what in m.broken()),
            *(f"failed: {sentence}" for sentence, is_so in self.sentences() if not is_so),
        ]

    def report(self) -> dict[str, Any]:
        """Return all numbers."""
        return {
            "measurements": [measurement.report() for measurement in self.measurements],
            "flows": {flow: dict(statuses) for flow, statuses in self.flows.items()},
            "checks": self.checks,
            "broken": self.broken(),
        }


def seconds(duration: str) -> float:
    """Return a plan's duration, such as 7s or 1m30s, in seconds."""
    quantities = QUANTITY.findall(duration)
    return float(sum(Decimal(number) * MILLISECONDS[unit] for number, unit in quantities) / 1000)


def _unlikely(what: str, got: int, of: int, percent: int) -> Iterator[str]:
    least, most = chance.interval(of, percent / 100)
    if not least <= got <= most:
        yield f"{got} {what} of {of}, but {percent} % of them are {least} to {most}"
