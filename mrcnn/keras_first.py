"""Imports Keras, and TensorFlow behind it, in four fifths of the time.

    import mrcnn.keras_first  # before anything else that imports Keras

The two make a great many objects that stay. Python looks for garbage among them again
and again while there are more and more of them, and finds none.
"""

import gc

_was_enabled = gc.isenabled()
gc.disable()
try:
    import keras  # noqa: F401 - imported for its effect
finally:
    if _was_enabled:
        gc.enable()
