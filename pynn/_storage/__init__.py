# SPDX-License-Identifier: BSD-3-Clause
"""Files: the container, what of a model goes into it, and files of other libraries."""

import os

Location = str | os.PathLike[str]
"""What a path may be given as."""
