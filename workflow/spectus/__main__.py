"""`python -m spectus`: the rules call the package this way, so that no install step is needed."""

from spectus.cli import main

raise SystemExit(main())
