# SPDX-License-Identifier: GPL-2.0
"""results.json as tables and plots see it."""

import dataclasses
import statistics


@dataclasses.dataclass
class Spread:
    """Median, least and greatest over the seeds."""
    mid: float
    low: float
    high: float

    def scaled(self, factor: float) -> "Spread":
        return Spread(self.mid * factor, self.low * factor, self.high * factor)

    def text(self, digits: int) -> str:
        mid, low, high = (f"{x:.{digits}f}" for x in (self.mid, self.low, self.high))
        return mid if low == high else f"{mid} [{low}-{high}]"


def spread(values: list[float]) -> Spread | None:
    return Spread(statistics.median(values), min(values), max(values)) if values else None


class Results:
    def __init__(self, data: dict):
        self.about: dict = data["about"]
        self.variants: list[dict] = data["variants"]
        self.rows: list[dict] = data["rows"]
        self.cells: dict[str, dict[str, dict]] = data["cells"]

    @property
    def names(self) -> list[str]:
        """Variants of the tables and plots of all rows."""
        return [v["name"] for v in self.variants if not v.get("rows")]

    @property
    def modes(self) -> list[str]:
        """Variants that were measured on some rows, behind those that they are modes of: zeta, zeta-csv, ..."""
        some = [v["name"] for v in self.variants if v.get("rows")]
        plain = {name.partition("-")[0] for name in some}
        return [name for name in self.names if name in plain] + some

    def mode_rows(self) -> list[dict]:
        """Rows that at least one of them was measured on."""
        some = [v["name"] for v in self.variants if v.get("rows")]
        return [r for r in self.rows if any(self.cell(r, name) for name in some)]

    def table(self, table: str) -> list[dict]:
        return [r for r in self.rows if r["table"] == table]

    def cell(self, row: dict, variant: str) -> dict:
        return self.cells.get(row["name"], {}).get(variant, {})

    def get(self, row: dict, variant: str, figure: str) -> Spread | None:
        return spread(self.cell(row, variant).get(figure, []))

    def efficiency(self, row: dict, variant: str) -> Spread | None:
        """Share of what a perfect sender would get."""
        goodput = self.get(row, variant, "goodput")
        return goodput.scaled(1 / row["limit"]) if goodput and row.get("limit") else None

    def fair_shares(self, row: dict, variant: str) -> Spread | None:
        """Goodput of one of our flows in multiples of an equal part of the path."""
        goodput = self.get(row, variant, "goodput")
        both = row["flows"] + row["cross"]
        return goodput.scaled(both / row["flows"] / row["limit"]) if goodput and row.get("limit") else None
