"""By how much one score exceeds another, with its interval: what can be said of it, and how."""

from dataclasses import dataclass

from ser_lib.pages.tables import rounded


@dataclass(frozen=True)
class Margin:
    """One score minus another.

    Attributes
    ----------
    value
        From -1 to 1.
    interval
        [low, high] at 95 %.
    """

    value: float
    interval: list[float]

    @property
    def sign(self) -> int:
        """1 if the interval lies above 0, -1 if below, and 0 if it holds 0: nobody can tell.

        Examples
        --------
        >>> Margin(0.1, [0.02, 0.18]).sign, Margin(0.1, [0.0, 0.18]).sign
        (1, 0)
        """
        low, high = self.interval
        return int(low > 0) - int(high < 0)

    def words(self) -> str:
        """The margin as it is printed, with its interval.

        Examples
        --------
        >>> Margin(0.104, [-0.02, 0.181]).words()
        '+0.10 (-0.02 to +0.18)'
        """
        value, low, high = (f"{rounded(v):+.2f}" for v in (self.value, *self.interval))
        return f"{value} ({low} to {high})"
