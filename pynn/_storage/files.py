# SPDX-License-Identifier: BSD-3-Clause
"""Reading files whole, and replacing them so that there is always a whole one."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO


def as_path(filepath: Any, what: str) -> Path:
    """Return a path, or raise ValueError."""
    if not isinstance(filepath, str | os.PathLike) or not os.fspath(filepath):
        raise ValueError(f"{what}: expected a path, got {filepath!r}")
    text = os.fspath(filepath)
    if not isinstance(text, str) or "\0" in text:
        raise ValueError(f"{what}: expected a path, got {filepath!r}")
    return Path(text)


def refuse_to_overwrite(path: Path, overwrite: bool) -> None:
    """Raise FileExistsError if there is a file that may not be replaced."""
    if not overwrite and path.exists():
        raise FileExistsError(f"{path} exists; pass overwrite=True to replace it")


def replace_file(path: Path, content: bytes | Iterable[bytes | memoryview]) -> None:
    """Write a file so that a crash or a full disk leaves the old one or the new one.

    Raises
    ------
    OSError
        If that fails; what was there is there still.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a directory, not a file")
    path = Path(os.path.realpath(path))  # a link stays one
    temporary = path.with_name(f".{path.name[:200]}.{os.getpid()}.tmp")
    parts = (content,) if isinstance(content, bytes) else content
    try:
        with open(temporary, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        with suppress(OSError):
            os.chmod(temporary, stat.S_IMODE(path.stat().st_mode))
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make sure that names in a folder survive a loss of power."""
    with suppress(OSError):  # not every file system can
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def open_regular(path: Path) -> tuple[BinaryIO, int]:
    """Open a file to be read, and return its size too.

    Raises
    ------
    OSError
        If it cannot be read, or is a directory, a pipe or a device.
    """
    file = open(path, "rb", opener=_never_waiting)  # noqa: SIM115 - the caller closes
    info = os.fstat(file.fileno())
    if not stat.S_ISREG(info.st_mode):
        file.close()
        raise OSError(f"{path} is not a regular file")
    return file, info.st_size


def _never_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
