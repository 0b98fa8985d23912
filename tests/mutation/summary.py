"""What verdicts.csv holds, by file: judged, killed, and what later tests killed of what had survived.

python tests/mutation/summary.py build/mutation/verdicts.csv [--survivors]
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from pathlib import Path

import click

KILLED = ("killed", "timeout")
OPEN = ("survived", "uncovered")


@click.command()
@click.argument("verdicts", type=click.Path(exists=True, path_type=Path))
@click.option("--survivors", is_flag=True, help="List what survives still, as CSV.")
def main(verdicts: Path, survivors: bool) -> None:
    """Count mutants by file, by their first verdict and by their last."""
    with verdicts.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    of_mutant: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        of_mutant[row["name"]].append(row)
    if survivors:
        click.echo("name,path,line,function,change")
        for found in of_mutant.values():
            if found[-1]["status"] in OPEN:
                last = found[-1]
                change = last["change"].replace('"', '""')
                click.echo(f'{last["name"]},{last["path"]},{last["line"]},{last["function"]},"{change}"')
        return
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for found in of_mutant.values():
        first, last = found[0]["status"], found[-1]["status"]
        for path in (found[0]["path"], "all"):
            if first == "invalid" or last == "code changed":
                counts[path]["left out"] += 1
                continue
            counts[path]["mutants"] += 1
            counts[path]["killed at first"] += first in KILLED
            counts[path]["killed now"] += last in KILLED
            counts[path]["timeouts"] += last == "timeout"
            counts[path]["surviving"] += last in OPEN
    columns = ("mutants", "killed at first", "killed now", "timeouts", "surviving", "left out")
    click.echo("\t".join(("file", *columns, "share killed now")))
    for path, found in sorted(counts.items(), key=lambda item: (item[0] == "all", item[0])):
        share = f"{found['killed now'] / found['mutants']:.1%}" if found["mutants"] else ""
        click.echo("\t".join((path, *(str(found[c]) for c in columns), share)))


if __name__ == "__main__":
    main()
