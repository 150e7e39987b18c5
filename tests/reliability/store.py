"""The store against a simple model, driven by Hypothesis: see `tests/ledger/store/machine.py`.

Source: LEDGER.md 6, and 9: P2, P3, P9.
"""

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.ledger.store.machine import StoreMachine
from tests.reliability.harness import Campaign, Line, Setting, Trials
from tests.support.documents import spaced

STEPS = 40
# Nothing is kept of a run but its seed: the same seed draws the same steps.
LONG = settings(
    deadline=None,
    derandomize=False,
    database=None,
    stateful_step_count=STEPS,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


def run(setting: Setting) -> list[Line]:
    """Make as many runs as there are trials."""
    trials = Trials("store", tried=setting.trials)
    try:
        run_state_machine_as_test(
            seed(setting.seed)(StoreMachine), settings=settings(LONG, max_examples=setting.trials)
        )
    except AssertionError as error:
        notes = "\n".join(getattr(error, "__notes__", ()))
        trials.failed.append(f"store --seed {setting.seed}: {error}\n{notes}")
    what = f"the store against a model, up to {STEPS} writes, refusals, readings and reopenings in any order"
    return [trials.line(what, f"they agree after each of about {spaced(setting.trials * STEPS)} steps")]


STORE = Campaign("store", "P2, P3, P9", run, trials=500)
