"""`ccta`: a thin door to the library. Exit codes: 0 done, 2 wrong input, 1 a fault of ours."""

from __future__ import annotations

import sys

import click

from ccta_lib import __version__
from ccta_lib.cli import adapters, audit, book, cohort, networks, simulate, study, tables
from ccta_lib.errors import CctaError, InputError, told

MOST_FAULTS = 20


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        code = cli.main(prog_name="ccta", standalone_mode=False)
    except InputError as error:
        for fault in error.faults[:MOST_FAULTS]:
            click.echo(fault, err=True)
        if len(error.faults) > MOST_FAULTS:
            click.echo(f"and {len(error.faults) - MOST_FAULTS} more ({len(error.faults)} in all)", err=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; the same command goes on where it stopped", err=True)
        sys.exit(130)
    except CctaError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    except OSError as error:
        click.echo(told(error), err=True)
        sys.exit(2)
    sys.exit(code if isinstance(code, int) else 0)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ccta")
def cli() -> None:
    """Severe coronary stenosis on CT angiography, estimated from the 12-lead ECG: an executable paper.

    Start with `ccta book`: it makes a virtual cohort, trains, evaluates, and prints the page to open.
    """


for step in (adapters.adapt, audit.audit_sheet, audit.audit):
    cohort.cohort.add_command(step)
for verb in (
    book.book,
    book.run,
    book.compare,
    simulate.simulate,
    cohort.cohort,
    networks.pretrain,
    networks.train,
    networks.predict,
    networks.estimate,
    study.study,
    tables.check,
):
    cli.add_command(verb)
