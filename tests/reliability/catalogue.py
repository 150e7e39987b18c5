"""All campaigns, in the order of the table."""

from tests.reliability.faults import FAULTS
from tests.reliability.kills import KILLS
from tests.reliability.power import POWER

CAMPAIGNS = (POWER, KILLS, FAULTS)
BY_NAME = {campaign.name: campaign for campaign in CAMPAIGNS}
