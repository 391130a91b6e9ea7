"""How much the detectors' figures hang on each constant, and what is left of them on a series that a constant was not chosen on.

    python -m benchmarks.constants --tools FOLDER --data FOLDER [--only NAME ...]

`--tools` has spike_eval.py, and `--data` the folder nab_tweets with its labels. Each constant is tried at two thirds and at one
and a half times its value, in a copy of the sources in which one line is another, so that what is worked out from it follows.

The first table has the figures of all four series: the NAB score, the labelled windows found, the instants met within two hours
and the false alerts a week; with `--injected` (ten times the work) also the part found of injected crises of 3 to 5 times, the
part within two hours, and the false alerts there. Constants of negatives have these three alone. The second table leaves each
series out in turn: the number that does best on the other three (NAB score; the shipped one where it is as good) is scored on the
one that was left out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
SIGNALS: Final = "processors/signals"
FACTORS: Final = (2 / 3, 3 / 2)
SERIES: Final = ("AMZN", "CRM", "IBM", "UPS")
LENGTH: Final = timedelta(minutes=5)


class Constant(NamedTuple):
    """A constant: its name, its file, and its line, with the number between two marks."""

    name: str
    file: str
    line: str

    @property
    def number(self) -> str:
        """The number as it ships."""
        return self.line.split("|")[1]

    def line_with(self, number: str) -> str:
        """The line with another number."""
        before, _, after = self.line.split("|")
        return f"{before}{number}{after}"

    def others(self) -> list[str]:
        """The numbers that are tried. A whole number stays whole."""
        if "." in self.number:
            return [f"{float(self.number) * factor:.4g}" for factor in FACTORS]
        return [str(round(int(self.number) * factor)) for factor in FACTORS]


def _of(file: str, *lines: tuple[str, str]) -> Iterator[Constant]:
    for name, line in lines:
        yield Constant(name, file, line)


COUNTS: Final = (
    *_of("tocsin/core/counts.py", ("variance of a rate", "KAPPA: Final = |0.03|")),
    *_of(
        f"{SIGNALS}/volume.py",
        ("learning, h", "LEARNING = timedelta(hours=|2|)"),
        ("5 minutes count less", "BURSTS = ((timedelta(minutes=5), |1.5|)"),
        ("15 minutes count less", "(timedelta(minutes=15), |1.25|)"),
        ("sums, h", "SUMS, KAPPA_SUMS = timedelta(hours=|2|)"),
        ("few evidence", "FEW_EVIDENCE = |2.0|"),
        ("swing of a first day", "SWING, FIRST_DAY_H = |2.0|, 26"),
        ("first day, h", "SWING, FIRST_DAY_H = 2.0, |26|"),
        ("burst, z", "BURST_AT, STEEP = |3.7|, 30.0"),
        ("steepness", "BURST_AT, STEEP = 3.7, |30.0|"),
        ("youth", "YOUTH, YOUTH_H, YOUTH_BURST = |0.5|, 48.0, 0.4"),
        ("youth halves, h", "YOUTH, YOUTH_H, YOUTH_BURST = 0.5, |48.0|, 0.4"),
        ("youth of a burst", "YOUTH, YOUTH_H, YOUTH_BURST = 0.5, 48.0, |0.4|"),
        ("spread before any", "SPREAD_HALF_LIFE_H = |2.0|, 48.0, 6.0"),
        ("its weight, h", "SPREAD_HALF_LIFE_H = 2.0, |48.0|, 6.0"),
        ("cut of the spread", "SPREAD_HALF_LIFE_H = 2.0, 48.0, |6.0|"),
        ("spread halves, days", "SPREAD_HALF_LIFE_H = 2.0, 48.0, 6.0, 24.0 * |14|"),
        ("habit of a burst", 'Path("burst", |0.2|, 0.5)'),
        ("forgotten a week, burst", 'Path("burst", 0.2, |0.5|)'),
        ("habit of a rise", 'Path("rise", |0.2|, 1.0'),
        ("forgotten a week, rise", 'Path("rise", 0.2, |1.0|'),
        ("rest of a rise, h", 'Path("rise", 0.2, 1.0, rest=timedelta(hours=|18|)'),
    ),
    *_of(
        f"{SIGNALS}/rises.py",
        ("rise sought, times", "RISE, LEAP = Sought(|2.5|, needs=16.0)"),
        ("rise, nats", "RISE, LEAP = Sought(2.5, needs=|16.0|)"),
        ("leap sought, times", "Sought(|10.0|, needs=12.0, most=18.0)"),
        ("leap, nats", "Sought(10.0, needs=|12.0|, most=18.0)"),
        ("leap, most nats", "Sought(10.0, needs=12.0, most=|18.0|)"),
        ("most nats", "most: float = |44.0|"),
    ),
    *_of(
        f"{SIGNALS}/expectation.py",
        ("days of hours", "DAYS = |15|"),
        ("hours of the level", "LEVEL_HOURS = |30|"),
        ("season from, h", "SEASON_FROM_H = |24|"),
        ("floor of the season", "FLOOR = |0.05|"),
        ("hour known from", "HOUR_KNOWN = |0.5|"),
        ("day known from, h", "DAY_KNOWN_H = |12|"),
        ("weekday after, weeks", "WEEKDAY_KEEP, WEEKDAY_WEEKS = 0.8, |4.0|"),
        ("weekday mentions", "WEEKDAY_MENTIONS = |20.0|"),
        ("least an hour", "LEAST_AN_HOUR, FIRST_GUESS = |0.05|, 0.3"),
        ("first guess", "LEAST_AN_HOUR, FIRST_GUESS = 0.05, |0.3|"),
    ),
    *_of(
        f"{SIGNALS}/story.py",
        ("worse after, h", "HALF_A_DAY = timedelta(hours=|12|)"),
        ("worse", "WORSE_AFTER, WORSE = HALF_A_DAY, |1.5|"),
        ("calm, h", "CALM = timedelta(hours=|2|)"),
    ),
    *_of(
        f"{SIGNALS}/due.py",
        ("teaches, times", "TEACHES_FROM_H = |4.5|, 2.0, 12"),
        ("teaches, deviations", "TEACHES_FROM_H = 4.5, |2.0|, 12"),
        ("teaches from, h", "TEACHES_FROM_H = 4.5, 2.0, |12|"),
    ),
    *_of(
        f"{SIGNALS}/statistics.py",
        ("speed of medians", "MEDIAN_MEMORY_H = |4.0|, 24.0, 480.0"),
        ("prior of medians, h", "MEDIAN_MEMORY_H = 4.0, |24.0|, 480.0"),
        ("memory of medians, h", "MEDIAN_MEMORY_H = 4.0, 24.0, |480.0|"),
    ),
    *_of(
        f"{SIGNALS}/crowd.py",
        ("cut, deviations", "CUT, CUT_RATIO = |3.0|, 6.0"),
        ("cut, times", "CUT, CUT_RATIO = 3.0, |6.0|"),
    ),
)
"""The constants that the count of mentions alone is judged with."""

NEGATIVES: Final = (
    *_of(
        f"{SIGNALS}/negative_run.py",
        ("odds sought, times", "ODDS = |2.4|"),
        ("most evidence, nats", "MOST_EVIDENCE = |7.0|"),
        ("teaches, times", "TEACHES, TEACHES_DEVIATIONS = |1.5|, 2.0"),
        ("teaches, deviations", "TEACHES, TEACHES_DEVIATIONS = 1.5, |2.0|"),
    ),
    *_of(
        f"{SIGNALS}/negativity.py",
        ("prior share", "MOST_SHARE = |0.2|, 10.0, 0.02, 0.95"),
        ("prior, mentions", "MOST_SHARE = 0.2, |10.0|, 0.02, 0.95"),
        ("usual halves, days", "USUAL_HALF_LIFE_H, ADAPTIVE_HALF_LIFE_H = 24.0 * |7|"),
        ("explained by volume", "EXPLAINS = |0.85|"),
        ("cut, deviations", "CUT = |4.0|"),
        ("evidence, nats", "EVIDENCE_AT = |4.75|"),
        ("correlation", "CORRELATION = |0.05|"),
        ("scored, at least", "AT_LEAST_SCORED = |10|"),
        ("negatives, at least", "LEAST_NEGATIVE = |5|"),
        ("habit", 'Path("negatives", habit=|0.1|'),
    ),
    *_of(
        f"{SIGNALS}/crowd.py",
        ("crowd sought, times", "SOUGHT = Sought(|1.8|, most=5.0)"),
        ("crowd, most nats", "SOUGHT = Sought(1.8, most=|5.0|)"),
    ),
)
"""Those of negatives beside them."""


_judged: dict[int, list[tuple[str, float, bool]]] = {}


def judge(rows: list[tuple[Any, ...]]) -> list[tuple[str, float, bool]]:
    """The verdicts on a series, for `spike_eval.py --callable`. A series that comes again is not judged again."""
    from processors.signals.series import SeriesJudge
    from processors.signals.types import Sensitivity, WindowCounts

    key = hash(tuple(rows))
    if key not in _judged:
        one = SeriesJudge(LENGTH, len(rows[0]) == 3, Sensitivity())
        found = _judged[key] = []
        for stamp, count, *negative in rows:
            window = WindowCounts(
                start=datetime.fromisoformat(stamp).replace(tzinfo=UTC),
                length=LENGTH,
                count=int(count),
                negative=int(negative[0]) if negative else 0,
                scored=int(count) if negative else 0,
            )
            found.append((stamp, *one.row(window)))
    return _judged[key]


def measure(tools: Path, data: Path, kinds: str, *, injected: bool) -> dict[str, Any]:
    """The figures of the sources that are imported, in this process. `kinds` is counts or negatives."""
    sys.path.insert(0, str(tools))
    import spike_eval  # type: ignore[import-not-found]

    found: dict[str, Any] = {}
    reports: list[dict[str, Any]] = []
    spike_eval._emit = lambda _, report, __: reports.append(report)
    labels = str(data / "nab_tweets" / "labels.json")
    common = ["--series-dir", str(data / "nab_tweets"), "--labels", labels, "--no-causal-check"]
    common += ["--callable", f"{__file__}:judge"]
    if kinds == "counts":
        found = _counted(spike_eval, data / "nab_tweets")
    if not injected:
        return found
    spike_eval.main(
        ["inject", *common, "--no-low", "--seed", "1", *(["--sentiment"] if kinds == "negatives" else [])]
    )
    own = reports.pop()["operating_points"]["own is_alert"]
    found["injected"] = {
        "found": own["headline"]["detected"],
        "soon": own["headline"]["within_2h"],
        "false": own["fa_per_week"]["all"],
    }
    return found


def _counted(tool: Any, folder: Path) -> dict[str, Any]:
    """The figures of all series, of each alone, and of all but each, by their names."""
    labels = str(folder / "labels.json")
    windows, points = tool.load_windows(labels), tool.load_points(labels)
    series, alerts = {}, {}
    for file, (stamps, times, values) in tool.load_dir(str(folder)).items():
        name = next(one for one in SERIES if one in file)
        series[name] = tool.NabSeries(file.removesuffix(".csv"), times, windows[file])
        told = judge(list(zip(stamps, values.tolist(), strict=True)))
        alerts[name] = tool.np.array([alert for _, _, alert in told])
    found = {}
    for some in _parts():
        its, hits = [series[one] for one in some], [alerts[one] for one in some]
        raw = sum(one.raw(hit, "standard") for one, hit in zip(its, hits, strict=True))
        own = tool.plain(its, hits)
        found[",".join(some)] = {
            "score": tool.normalise(raw, its, "standard"),
            "windows": own["detected"],
            "labelled": own["windows"],
            "instants": tool.near_points(its, hits, points)["alert_within_2h"],
            "false": own["fp_episodes_per_week"],
        }
    return found


def _parts() -> list[tuple[str, ...]]:
    """All series, each alone, and all but each."""
    rest = [tuple(one for one in SERIES if one != out) for out in SERIES]
    return [SERIES, *((one,) for one in SERIES), *rest]


def elsewhere(constant: Constant, number: str, given: argparse.Namespace, kinds: str) -> dict[str, Any]:
    """The figures with another number, measured in a process of its own over a copy of the sources."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("processors", "tocsin", "benchmarks"):
            shutil.copytree(
                ROOT / name, Path(folder, name), ignore=shutil.ignore_patterns("__pycache__", "models")
            )
        path = Path(folder, constant.file)
        source, line = path.read_text(encoding="utf-8"), constant.line_with(constant.number)
        if source.count(line) != 1:
            raise SystemExit(f"{constant.file} has the line {line!r} {source.count(line)} times, not once")
        path.write_text(source.replace(line, constant.line_with(number)), encoding="utf-8")
        command = [sys.executable, "-m", "benchmarks.constants", "--measure", kinds]
        command += ["--tools", str(given.tools.resolve()), "--data", str(given.data.resolve())]
        command += ["--injected"] if given.injected else []
        environment = {**os.environ, "PYTHONPATH": folder}
        done = subprocess.run(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def left_out(by_number: dict[str, dict[str, Any]], shipped: str) -> Iterator[tuple[str, str, float, float]]:
    """For each series: its name, the number that did best on the other three, its score there, and on the one left out."""
    for out in SERIES:
        rest = ",".join(one for one in SERIES if one != out)
        best = max(by_number, key=lambda number: (by_number[number][rest]["score"], number == shipped))
        yield out, best, by_number[best][rest]["score"], by_number[best][out]["score"]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tools", type=Path, required=True, help="the folder with spike_eval.py")
    parser.add_argument("--data", type=Path, required=True, help="the folder with nab_tweets")
    parser.add_argument("--only", nargs="*", help="constants, by name")
    parser.add_argument("--injected", action="store_true", help="measure injected crises and negatives, too")
    parser.add_argument("--measure", choices=("counts", "negatives"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.tools, given.data, given.measure, injected=given.injected)))
        return
    wanted = [
        (kinds, one)
        for kinds, some in (("counts", COUNTS), ("negatives", NEGATIVES if given.injected else ()))
        for one in some
        if not given.only or one.name in given.only
    ]
    print("| constant | number | NAB score | windows | instants | false a week | found | soon | false |")
    print("| --- | --: | --: | --: | --: | --: | --: | --: | --: |")
    shipped = {kinds: elsewhere(one, one.number, given, kinds) for kinds, one in dict(wanted).items()}
    for kinds, figures in shipped.items():
        _print_row(f"as shipped, {kinds}", "", figures)
    chosen: list[tuple[Constant, dict[str, dict[str, Any]]]] = []
    for kinds, constant in wanted:
        by_number = {constant.number: shipped[kinds]}
        for number in constant.others():
            by_number[number] = elsewhere(constant, number, given, kinds)
            _print_row(constant.name, number, by_number[number])
        if kinds == "counts":
            chosen.append((constant, by_number))
    print()
    print("| constant | shipped | chosen without " + " | ".join(SERIES) + " | the four left out together |")
    print("| --- | --: |" + " --: |" * (len(SERIES) + 1))
    # A score is a mean over the labelled windows.
    labelled = [shipped["counts"][one]["labelled"] for one in SERIES]
    for constant, by_number in chosen:
        rows = list(left_out(by_number, constant.number))
        numbers = " | ".join(best for _, best, _, _ in rows)
        together = sum(
            windows * score for (_, _, _, score), windows in zip(rows, labelled, strict=True)
        ) / sum(labelled)
        print(f"| {constant.name} | {constant.number} | {numbers} | {together:.1f} |")


def _print_row(name: str, number: str, figures: dict[str, Any]) -> None:
    every = figures.get(",".join(SERIES))
    nab = (
        f"{every['score']:.1f} | {every['windows']} | {every['instants']} | {every['false']:.2f}"
        if every
        else " | | | "
    )
    crises = figures.get("injected")
    last = f"{crises['found']:.0%} | {crises['soon']:.0%} | {crises['false']:.2f}" if crises else " | | "
    print(f"| {name} | {number} | {nab} | {last} |", flush=True)


if __name__ == "__main__":
    main()
