"""Write files atomically: under another name, flushed to the disk, then renamed."""

import os
from pathlib import Path

PART = ".part"  # ends the name of a file that is still being written


def write_whole(path: Path, data: bytes) -> None:
    """Write a file atomically: readers see the old content or the new, never part of it.

    Args:
        path: replaced if it exists.
        data: the whole content.

    Raises:
        OSError: if the file cannot be written; the old content is then unchanged.
    """
    part = path.with_name(path.name + PART)
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error
