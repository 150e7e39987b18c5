"""The public register: micro-credentials with their versions, statuses, reviews and providers."""

from projections.public_register.listing import (
    Accreditation,
    Listing,
    Organisation,
    Outcome,
    Review,
    StatusChange,
)
from projections.public_register.search import Found, Page, Search, fold
from projections.public_register.view import PublicRegisterProjection, PublicRegisterView

__all__ = [
    "Accreditation",
    "Found",
    "Listing",
    "Organisation",
    "Outcome",
    "Page",
    "PublicRegisterProjection",
    "PublicRegisterView",
    "Review",
    "Search",
    "StatusChange",
    "fold",
]
