"""Where records become durable: recorders behind the library's abstract classes."""
