"""Package metadata. Dependencies and their bounds stand in requirements.txt."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def version() -> str:
    """The version that `mrcnn/__init__.py` states."""
    text = (HERE / "mrcnn" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)[1]


setup(
    name="mask-rcnn",
    version=version(),
    description="Mask R-CNN for Keras 3 on TensorFlow 2, in the style of matterport",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    license_files=["LICENSE"],
    python_requires=">=3.10",
    packages=find_packages(include=["mrcnn", "mrcnn.*"]),
    package_data={"mrcnn.report": ["web/*"]},
    install_requires=(HERE / "requirements.txt").read_text().split(),
    entry_points={"console_scripts": ["mrcnn = mrcnn.cli:main"]},
    extras_require={
        "dev": [
            "hypothesis>=6.100",
            "mypy>=1.15",
            "pytest>=9.0",
            "pytest-xdist>=3.5",
            "ruff>=0.15,<0.18",
        ]
    },
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Scientific/Engineering :: Image Recognition",
    ],
    keywords="mask-rcnn instance-segmentation object-detection keras tensorflow",
)
