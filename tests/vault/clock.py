"""A clock that tests turn; apart from tables, so that small programs start quickly."""

from datetime import UTC, datetime, timedelta


class Clock:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.time = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def forward(self, **by: float) -> None:
        self.time += timedelta(**by)
