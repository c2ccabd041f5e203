"""What can go wrong, in one tree.

::

    Exception
    └── ShelfLensError
        ├── PhotoError      a photo that cannot be read as a picture
        ├── DataError       a dataset, folder or CSV, that cannot be used
        ├── ModelError      a model file that is damaged or not ours
        │   └── EngineError     no inference engine here can run it
        ├── CameraError     a camera, video or stream that cannot be watched
        ├── WebAppError     a web app that cannot be built
        ├── ProfileError    a profile file that cannot be used
        ├── UsageError      a command line that is wrong: exit status 2
        ├── ServeError      settings that the server does not start with
        ├── SignatureError  a key or signature that cannot be used, or a file that was not signed
        └── CatalogError    a catalog file or its contents that cannot be used
            └── SpaceError      model and catalog come from different embedding spaces

Every message is one line: what, expected, got, what to do. A file that is missing stays
`FileNotFoundError`, and other trouble with the file system stays `OSError`.
"""

from __future__ import annotations


class ShelfLensError(Exception):
    """Base of every error that ShelfLens raises on purpose."""


class PhotoError(ShelfLensError):
    """A photo that cannot be read as a picture."""


class PhotoWarning(UserWarning):
    """A photo that is damaged, and was read all the same."""


class DataError(ShelfLensError):
    """A dataset, a folder or a CSV, that cannot be used."""


class ModelError(ShelfLensError):
    """A model file that is damaged, or carries no ShelfLens card."""


class EngineError(ModelError):
    """No inference engine on this machine can run the model."""


class WebAppError(ShelfLensError):
    """A web app that cannot be built."""


class ProfileError(ShelfLensError):
    """A profile file, or what should go into one, that cannot be used."""


class UsageError(ShelfLensError):
    """A command line that is wrong: the command ends with status 2."""


class ServeError(ShelfLensError):
    """Settings that the server does not start with."""


class SignatureError(ShelfLensError):
    """A key or signature that cannot be used, or a file that was not signed as expected."""


class CameraError(ShelfLensError):
    """A camera, video or stream of pictures that cannot be watched."""


class CatalogError(ShelfLensError):
    """A catalog file, or what should go into one, that cannot be used."""


class SpaceError(CatalogError):
    """The model and the catalog come from different embedding spaces."""
