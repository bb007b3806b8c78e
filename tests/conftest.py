"""Makes the helper modules beside this file importable in every test folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
