from mrcnn import backbone_names
from mrcnn.backbones.applications import APPLICATIONS
from mrcnn.backbones.resnet import ARCHITECTURES


def test_the_names_are_those_of_the_networks():
    assert list(backbone_names.RESNETS) == list(ARCHITECTURES)
    assert list(backbone_names.APPLICATIONS) == list(APPLICATIONS)
