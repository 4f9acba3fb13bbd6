"""What BACKBONE may be called. Apart from the networks, so that no Keras is needed."""

RESNETS = ("resnet18", "resnet34", "resnet50", "resnet101")

# Of keras.applications, those whose maps halve the image's sides five times.
APPLICATIONS = (
    *("VGG16", "VGG19"),
    *("ResNet50", "ResNet101", "ResNet152"),
    *("ResNet50V2", "ResNet101V2", "ResNet152V2"),
    *("MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large"),
    *("DenseNet121", "DenseNet169", "DenseNet201"),
    *(f"EfficientNetB{size}" for size in range(8)),
    *(f"EfficientNetV2B{size}" for size in range(4)),
    *(f"EfficientNetV2{size}" for size in "SML"),
    *(f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge")),
)
