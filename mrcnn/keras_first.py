"""Imports Keras, and TensorFlow behind it, sooner and without their greetings.

    import mrcnn.keras_first  # before anything else that imports Keras

The two make a great many objects that stay. Python would look for garbage among them
again and again while there are more and more of them, and find none.
"""

import gc

from mrcnn.quiet import quiet_stderr

_was_enabled = gc.isenabled()
gc.disable()
try:
    with quiet_stderr():
        import keras  # noqa: F401 - imported for its effect
finally:
    if _was_enabled:
        gc.enable()
