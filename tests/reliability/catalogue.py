"""All campaigns, in the order of the table."""

from tests.reliability.kills import KILLS
from tests.reliability.power import POWER

CAMPAIGNS = (POWER, KILLS)
BY_NAME = {campaign.name: campaign for campaign in CAMPAIGNS}
