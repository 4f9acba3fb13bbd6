"""The file of ImageNet weights that matterport starts its training from."""

import keras

FILE_NAME = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
URL = (
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.2/"
    + FILE_NAME
)
MD5 = "a268eb855778b3df3c7506639542a6af"


def imagenet_weights_file() -> str:
    """Path of ImageNet weights of ResNet-50, downloaded when first asked for.

    The layers bear the names of matterport's backbone; load them with `by_name=True`.

    Raises:
        OSError: where the file cannot be had; says where to put it by hand.
    """
    try:
        return keras.utils.get_file(
            FILE_NAME, URL, cache_subdir="models", file_hash=MD5
        )
    except Exception as error:
        raise OSError(
            f"No ImageNet weights from {URL} ({error}). Without network, download "
            f"{FILE_NAME} elsewhere and put it into the folder models of Keras' home, "
            "by default ~/.keras/models."
        ) from error
