"""Memory settings: measured as page faults of a process that frees large blocks."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import numpy as np
from end2end.utils import memory
if sys.argv[1] == "keep":
    assert memory.keep_freed_memory()
for _ in range(3):
    np.ones(4_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(4_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_freed_memory_that_is_kept_causes_no_new_page_faults():
    def faults(word):
        return int(subprocess.run([sys.executable, "-c", FAULTS, word], text=True,
                                  capture_output=True, check=True).stdout)
    assert faults("keep") < 1000
