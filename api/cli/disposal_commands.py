"""`roa forget dispose` and `roa statistics`: what is cleared for good, and the numbers that stay.

Source: LEDGER.md 4 (level 2, statistics are frozen before).
"""

from typing import Annotated

import typer

from api.cli.console import AsJson, Data, opened, out, print_json, spoken_errors


def dispose(
    data: Data,
    after_days: Annotated[
        int,
        typer.Option(
            "--after-days",
            min=0,
            help="The disposal period: whole days since a forgetting was effective in copies.",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Clear the streams of learners who were forgotten, where two people asked for it and the period is over.

    Positions and entries stay, so every proof holds; statistics and status lists are what they were.
    """
    with spoken_errors(), opened(data, writes=True) as house:
        done = house.dispose(after_days)
    if as_json:
        print_json(
            {
                "learners": done.learners,
                "records": done.records,
                "position": done.position,
                "erased": done.erased,
            }
        )
        return
    if done.position is None:
        out.print("Nobody's streams are to be cleared now.")
    else:
        out.print(
            f"{done.records} records about {done.learners} learners are cleared: see record {done.position}."
        )
    if not done.erased:
        out.print("A reader holds on to an older state of the file: the next start overwrites what is left.")


def statistics(data: Data, as_json: AsJson = False) -> None:
    """Count what was recorded about learners, exactly: the numbers for everybody are at /v1/statistics."""
    with spoken_errors(), opened(data) as house:
        house.views.catch_up()
        with house.views.snapshot():
            position, counts = house.views.position(), house.views.statistics.counts()
    if as_json:
        print_json({"position": position, "counts": [count._asdict() for count in counts]})
        return
    for one in counts:
        of = f" {one.code} v{one.version} by {one.provider}" if one.code else ""
        grade = f" {one.grade}" if one.grade else ""
        out.print(f"{one.number:9,} {one.what:12} {one.year}{of}{grade}", markup=False)
    out.print(f"As at position {position}.")
