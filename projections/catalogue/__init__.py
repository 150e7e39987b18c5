"""Every view there is: opened, kept up, rebuilt beside the old one, and compared with a rebuild."""

from projections.catalogue.comparing import Difference
from projections.catalogue.views import PROJECTIONS, Views

__all__ = ["PROJECTIONS", "Difference", "Views"]
