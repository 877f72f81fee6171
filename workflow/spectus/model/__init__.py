"""SpecTUS: encoding a spectrum, tokenizer, network, decoding."""
