"""SpecTUS over HTTP: a REST interface, a web page, and a queue whose waiting requests are decoded together."""
