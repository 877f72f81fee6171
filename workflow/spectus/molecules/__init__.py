"""Lists of molecules, derivatives, exclusions."""
