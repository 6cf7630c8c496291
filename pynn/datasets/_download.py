# SPDX-License-Identifier: BSD-3-Clause
"""Fetch one file over HTTP so that a reader finds either all of it or nothing."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT = 10.0
_CHUNK = 1 << 16


def download(
    url: str, target: Path, check: Callable[[Path], object], max_bytes: int
) -> None:
    """Write what `url` serves to `target`, once `check` has accepted it.

    The bytes go to a temporary file in the folder of `target`, which is created. Only
    a complete and checked file is renamed; on any failure nothing is left behind.

    Parameters
    ----------
    url : str
        ``http://`` or ``https://``; other schemes are refused.
    target : Path
        The file to write.
    check : callable
        Called with the temporary file; raises to refuse it.
    max_bytes : int
        A longer answer is refused.

    Raises
    ------
    OSError
        If the server cannot be reached within 10 seconds, answers with an error, or
        sends too much.
    """
    if not url.startswith(("http://", "https://")):
        raise OSError(f"cannot download from {url!r}: expected an http or https URL")
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".tmp-{target.name}-", dir=target.parent)
    temporary = Path(name)
    try:
        with open(handle, "wb") as file:
            _receive(url, file, max_bytes)
            file.flush()
            os.fsync(file.fileno())
        check(temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(target.parent)


def _receive(url: str, file: IO[bytes], max_bytes: int) -> None:
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import urlopen

    from tqdm import tqdm

    left = max_bytes
    try:
        with (
            urlopen(url, timeout=TIMEOUT) as answer,
            tqdm(
                desc=url.rsplit("/", 1)[-1],
                total=answer.length,
                unit="B",
                unit_scale=True,
                disable=None,  # shown on a terminal only
            ) as bar,
        ):
            while chunk := answer.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise OSError(f"more than {max_bytes} bytes")
                file.write(chunk)
                bar.update(len(chunk))
    except (OSError, HTTPException, ValueError) as error:
        if isinstance(error, HTTPError):
            error.close()
        raise OSError(f"{url}: {error}") from error


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` last; Windows has no such call and needs none."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
