"""Translation over HTTP: a REST interface, a web page, and the queue that lets waiting requests be decoded together."""
