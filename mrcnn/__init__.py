"""Mask R-CNN for Keras 3 on TensorFlow 2, in the style of matterport's package.

`from mrcnn.config import Config` and `from mrcnn import model as modellib` work as
they always have. Importing the package itself loads nothing heavy.
"""

# Scripts say `import xml.etree` and expect ElementTree to be there.
import xml.etree.ElementTree  # noqa: F401 - imported for its effect

__version__ = "0.1.0"
