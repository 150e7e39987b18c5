"""All campaigns, in the order of the table."""

from tests.reliability.awards import AWARDS
from tests.reliability.faults import FAULTS
from tests.reliability.histories import HISTORIES
from tests.reliability.kills import KILLS
from tests.reliability.power import POWER
from tests.reliability.simulator import SIMULATOR
from tests.reliability.store import STORE
from tests.reliability.tampering import TAMPERING

CAMPAIGNS = (POWER, KILLS, FAULTS, STORE, TAMPERING, HISTORIES, AWARDS, SIMULATOR)
BY_NAME = {campaign.name: campaign for campaign in CAMPAIGNS}
