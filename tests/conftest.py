"""Makes the helper modules beside this file, and the benchmarks, importable in every test folder."""

import sys
from pathlib import Path

TESTS = Path(__file__).parent
sys.path.insert(0, str(TESTS))
sys.path.append(str(TESTS.parent))  # last, so that an installed or sanitised `inference` comes before this folder's
