"""The helper's own error: it becomes a `TargetError` on the other side."""


class Failure(Exception):
    """What is missing here, and what to do next."""

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
