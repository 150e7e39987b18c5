"""Statistics for everybody, at /v1/statistics."""

from tests.api.web.site import Site


def test_everybody_sees_rounded_numbers_and_no_small_ones(site: Site) -> None:
    """Every number is a multiple of 5 or null, and the exact ones are not there."""
    answer = site.get("/v1/statistics")

    body = answer.json()
    assert answer.status_code == 200
    assert (body["rounded_to"], body["suppressed_below"]) == (5, 6)
    numbers = [one["number"] for one in (*body["totals"], *body["parts"])]
    assert numbers
    assert all(number is None or (number >= 5 and number % 5 == 0) for number in numbers)
    assert {one["what"] for one in body["totals"]} >= {"learners", "enrolments", "results", "awards"}


def test_a_total_says_what_and_when(site: Site) -> None:
    """What does not apply is absent: learners have a year, and neither provider nor micro-credential."""
    body = site.get("/v1/statistics").json()

    learners = [one for one in body["totals"] if one["what"] == "learners"]
    assert all(one.keys() == {"what", "year", "number"} for one in learners)
    assert all({"provider", "code", "version"} <= one.keys() for one in body["parts"])
