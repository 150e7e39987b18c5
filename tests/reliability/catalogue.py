"""All campaigns, in the order of the table."""

from tests.reliability.power import POWER

CAMPAIGNS = (POWER,)
BY_NAME = {campaign.name: campaign for campaign in CAMPAIGNS}
