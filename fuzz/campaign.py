"""Run the fuzz machine against a target and write what it finds as ``.pkt`` files."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from fuzz.finding import Finding, Shows, TargetFactory, minimise
from fuzz.machine import ConnectionMachine, OracleFailure
from packetdrill_compat.config import Config
from packetdrill_compat.variants import variant_config


@dataclass(slots=True)
class Campaign:
    """One campaign: `examples` conversations of at most `steps` steps each, with a fixed `seed` or a new one."""

    make_target: TargetFactory
    examples: int = 200
    steps: int = 30
    seed: int | None = None
    config: Config = field(default_factory=lambda: variant_config("ipv4"))

    def run(self) -> OracleFailure | None:
        """Fuzz until something is found or all examples are spent; the shrunk failure, or None."""
        machine = type(
            "Machine", (ConnectionMachine,), {"make_target": staticmethod(self.make_target), "config": self.config}
        )
        if self.seed is not None:
            machine = seed(self.seed)(machine)
        try:
            run_state_machine_as_test(machine, settings=self._settings())
        except OracleFailure as failure:
            return failure
        return None

    def _settings(self) -> settings:
        return settings(
            max_examples=self.examples,
            stateful_step_count=self.steps,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            report_multiple_bugs=False,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        )

    def minimal(self, finding: Finding, sound: TargetFactory | None = None) -> Finding | None:
        """The finding with every event left out that it does not need; None when it does not fail by itself.

        With a `sound` target the script also has to pass there, which shows that it fails by the fault alone.
        """
        shows = Shows(finding_config(self.config), self.make_target, sound)
        return minimise(finding, shows) if shows(finding, finding.script) else None


def find_planted(
    make_target: TargetFactory, sound: TargetFactory, *, examples: int, attempts: int = 6
) -> Finding | None:
    """Fuzz a target with a planted fault until a finding fails there and passes on the sound one, seed after seed."""
    for seed_number in range(attempts):
        campaign = Campaign(make_target, examples=examples, seed=seed_number)
        failure = campaign.run()
        if failure is None or failure.finding is None:
            continue
        finding = campaign.minimal(failure.finding, sound)
        if finding is not None:
            return finding
    return None


def finding_config(config: Config) -> Config:
    """The configuration in which a finding's script plays: that of its option lines."""
    return replace(config, strict_segments=True, tcp_ts_ecr_scaled=True)


def write_finding(finding: Finding, folder: Path) -> Path:
    """Write the script under a name that says what it shows; findings of one identity overwrite each other."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{finding.identity}.pkt"
    path.write_text(finding.text(), encoding="utf-8")
    return path
