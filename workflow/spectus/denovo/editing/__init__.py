"""Structure editing: candidates for compounds on no list, made of the structures that a search and SpecTUS name."""
