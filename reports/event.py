"""What reporters are told about a finished test, as values. Whoever runs the tests makes one `TestReport` of each."""

from dataclasses import dataclass, field

from packetdrill_compat.outcome import Failure, Verdict
from reports.documents import document_of, section_of, section_url
from targets.trace import Trace


@dataclass(frozen=True, slots=True)
class Requirement:
    """A requirement that a test proves, as far as a report shows it.

    `level` is an RFC 2119 word such as ``MUST NOT``, or empty for a document that has no such words. An empty `section`
    is worked out from the id. `summary` is the sentence of the requirement catalogue.
    """

    id: str
    level: str = ""
    section: str = ""
    summary: str = ""

    @property
    def document(self) -> str:
        """Title of the document: ``RFC 9293``, ``Linux tcp(7)``."""
        return document_of(self.id).title

    @property
    def section_title(self) -> str:
        """What the section of the document is called in reports."""
        return section_of(self.id, self.section)

    @property
    def url(self) -> str:
        """Address of the section, or of the document; empty when there is none."""
        return section_url(self.id, self.section)


@dataclass(frozen=True, slots=True)
class TestReport:
    """A finished test.

    `name` is the item's own (``name.pkt@ipv4``) and `title` its purpose in one sentence. The first of `requirements` is
    the one the test stands under. `target_version` is a kernel release or the version of a bundled stack. `reason`
    explains *unsupported* and *error*. `deviation` describes the known deviation declared for this test, if any.
    `script` is the text of the script, empty for a test written in Python.
    """

    # pytest would otherwise try to collect the class from test modules that import it.
    __test__ = False

    name: str
    verdict: Verdict
    title: str = ""
    requirements: tuple[Requirement, ...] = ()
    target: str = ""
    target_version: str = ""
    variant: str = ""
    path: str = ""
    script: str = ""
    failure: Failure | None = None
    warnings: tuple[Failure, ...] = ()
    trace: Trace | None = None
    reason: str = ""
    deviation: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


VERDICT_MEANINGS = {
    Verdict.PASS: "does what is demanded",
    Verdict.NON_STRICT: "breaks a SHOULD, still conforms",
    Verdict.INFO: "a choice left open (a MAY)",
    Verdict.FAIL: "breaks a MUST or an expectation",
    Verdict.UNSUPPORTED: "the target said it lacks this",
    Verdict.ERROR: "the script or harness is broken",
}
"""The legend that belongs into every report; short, because Allure cuts longer values off."""
