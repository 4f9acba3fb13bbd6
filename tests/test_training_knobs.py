from mrcnn.network_knobs import NETWORK_KNOBS
from mrcnn.training_knobs import TrainingKnobs


def test_no_knob_of_a_run_changes_the_network():
    own = {name for name in vars(TrainingKnobs) if name.isupper()}
    assert len(own) > 10
    assert not own & set(NETWORK_KNOBS)
