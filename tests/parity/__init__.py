# SPDX-License-Identifier: BSD-3-Clause
"""pynn against Keras itself: the same programs, run by both, have to agree."""
