"""RASSP: a spectrum predicted as a mixture of subformulae."""
